-- Puts a kept message back for one consumer; whoever takes it looks its mark up first.
-- KEYS: stream, due, held, busy, counts; on FIFO its parked list.
-- ARGV: delay, message id, ordering key (empty unless FIFO), then the entry's fields.
local delay, id, ordering_key = tonumber(ARGV[1]), ARGV[2], ARGV[3]
local fields = { unpack(ARGV, 4) }
if delay > 0 then
  hold(KEYS[2], KEYS[3], id, now() + delay, 'delayed', ordering_key, fields)
else
  line_up(KEYS[1], KEYS[4], KEYS[5], KEYS[6], ordering_key, fields)
end
return 1
