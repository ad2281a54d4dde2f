-- Deliveries that were never started go to whoever asks next, and weren't deliveries.
-- KEYS: stream, state.  ARGV: group, consumer; entry id and delivery count for each.
local stream, group, consumer = KEYS[1], ARGV[1], ARGV[2]
local holds = leases_of(stream, group, consumer, ARGV[3], #ARGV / 2 + 100)
local late = {}
for i = 3, #ARGV, 2 do
  local id, delivery_count = ARGV[i], tonumber(ARGV[i + 1])
  if holds(id, delivery_count) then
    redis.call('XCLAIM', stream, group, consumer, 0, id, 'IDLE', 1000000000, 'RETRYCOUNT', delivery_count - 1, 'JUSTID')
  else
    late[#late + 1] = id
  end
end
redis.call('HSET', KEYS[2], 'looked_at', 0, 'cursor', '-')
return late
