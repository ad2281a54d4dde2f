-- Takes back what waits for its delay, at each consumer where it still does, and lets go of its key.
-- KEYS: the message's key, the mark that something was taken back under it; per consumer due, held.
-- ARGV: the name of this asking, how long the mark stays.
local accepted, cancelled = KEYS[1], KEYS[2]
local asked_before = redis.call('GET', cancelled)
-- This very asking, made again since its answer was lost: under the key there may be another message by now.
if asked_before == ARGV[1] then return 1 end
local id = redis.call('GET', accepted)
if not id then return asked_before and 1 or 0 end

-- What was put back may have been tried: whoever put it back says what becomes of it.
local function waits_for_its_first_attempt(packed)
  local kind, _, fields = unpack(cmsgpack.unpack(packed))
  return kind == 'delayed' and not field(fields, 'r')
end

local gone = 0
for i = 3, #KEYS, 2 do
  local packed = redis.call('HGET', KEYS[i + 1], id)
  if packed and waits_for_its_first_attempt(packed) then
    redis.call('ZREM', KEYS[i], id)
    redis.call('HDEL', KEYS[i + 1], id)
    gone = gone + 1
  end
end
if gone == 0 then return 0 end
redis.call('UNLINK', accepted)
redis.call('SET', cancelled, ARGV[1], 'PX', ARGV[2])
return 1
