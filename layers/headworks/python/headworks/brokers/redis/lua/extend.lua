-- The heartbeat: leases that are still held run on from now.
-- KEYS: stream.  ARGV: group, consumer; entry id and delivery count for each.
local stream, group, consumer = KEYS[1], ARGV[1], ARGV[2]
local holds = leases_of(stream, group, consumer, ARGV[3], #ARGV / 2 + 100)
local late, by_count = {}, {}
for i = 3, #ARGV, 2 do
  local delivery_count = tonumber(ARGV[i + 1])
  if holds(ARGV[i], delivery_count) then
    by_count[delivery_count] = by_count[delivery_count] or {}
    table.insert(by_count[delivery_count], ARGV[i])
  else
    late[#late + 1] = ARGV[i]
  end
end
for delivery_count, ids in pairs(by_count) do
  -- Its last arguments are options, and the count isn't raised.
  for i, option in ipairs({ 'IDLE', 0, 'RETRYCOUNT', delivery_count, 'JUSTID' }) do ids[#ids + 1] = option end
  redis.call('XCLAIM', stream, group, consumer, 0, unpack(ids))
end
return late
