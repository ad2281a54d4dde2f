-- Frees ordering keys whose holder is nowhere.
-- KEYS: stream, due, held, busy, counts; per ordering key its parked list.  ARGV: longest run; ordering keys.
local stream, due, held, busy, counts = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5]
local freed = 0
for i = 2, #ARGV do
  local holder = redis.call('HGET', busy, ARGV[i])
  local waiting = holder and string.match(holder, '^due (.*)$')
  local lives = not holder
  if waiting then
    lives = redis.call('HEXISTS', held, waiting) == 1
  elseif holder then
    lives = #redis.call('XRANGE', stream, holder, holder) > 0
  end
  if not lives then
    release(stream, busy, counts, KEYS[4 + i], ARGV[i], tonumber(ARGV[1]))
    freed = freed + 1
  end
end
return freed
