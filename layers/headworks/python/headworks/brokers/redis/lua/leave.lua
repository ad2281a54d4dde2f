-- A consumer's name goes when nothing is pending under it; before, that would be stranded for good.
-- KEYS: stream.  ARGV: group; names.
local gone = 0
for i = 2, #ARGV do
  local pending = redis.pcall('XPENDING', KEYS[1], ARGV[1], '-', '+', 1, ARGV[i])
  if pending.err then return gone end
  if #pending == 0 then
    redis.call('XGROUP', 'DELCONSUMER', KEYS[1], ARGV[1], ARGV[i])
    gone = gone + 1
  end
end
return gone
