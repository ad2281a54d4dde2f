-- What is held and has no due time, since that was lost, is due now.
-- KEYS: due, held.  ARGV: message ids.
local found = 0
for i = 1, #ARGV do
  if not redis.call('ZSCORE', KEYS[1], ARGV[i]) and redis.call('HEXISTS', KEYS[2], ARGV[i]) == 1 then
    redis.call('ZADD', KEYS[1], now(), ARGV[i])
    found = found + 1
  end
end
return found
