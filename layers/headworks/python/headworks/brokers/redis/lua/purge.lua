-- Removes messages, and lets go of the keys that they were accepted under.
-- KEYS: stream, due, held, counts, parked list (or the stream again, where none is meant); keys of messages.
-- ARGV: group, how many to take from the head of the parked list, number of entries, their ids,
--       number of held, their message ids; then for each message key the id that it must hold to be removed.
local stream, due, held, counts, parked = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5]
local group, from_parked, entries = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3])
local removed, at = 0, 4
if from_parked > 0 then
  local taken = redis.call('LPOP', parked, from_parked) or {}
  redis.call('HINCRBY', counts, 'parked', -#taken)
  removed = removed + #taken
end
for i = at, at + entries - 1 do
  redis.pcall('XACK', stream, group, ARGV[i])
  removed = removed + redis.call('XDEL', stream, ARGV[i])
end
at = at + entries
local waiting = tonumber(ARGV[at])
for i = at + 1, at + waiting do
  redis.call('ZREM', due, ARGV[i])
  removed = removed + redis.call('HDEL', held, ARGV[i])
end
at = at + waiting
for i = at + 1, #ARGV do
  local key = KEYS[5 + i - at]
  if redis.call('GET', key) == ARGV[i] then redis.call('UNLINK', key) end
end
return removed
