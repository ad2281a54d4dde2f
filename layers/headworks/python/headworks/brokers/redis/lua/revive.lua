-- Takes a letter out of the dead stream and puts its message back for its consumer, or neither: 0 where it is gone.
-- KEYS: stream, due, held, busy, counts, dead; on FIFO its parked list.
-- ARGV: the letter's place, ordering key (empty unless FIFO), then the entry's fields.
local place, ordering_key = ARGV[1], ARGV[2]
if redis.call('XDEL', KEYS[6], place) == 0 then return 0 end
line_up(KEYS[1], KEYS[4], KEYS[5], KEYS[7], ordering_key, { unpack(ARGV, 3) })
return 1
