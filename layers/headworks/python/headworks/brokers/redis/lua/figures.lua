-- Where a consumer's messages are, all of it at one moment: whoever moves meanwhile is counted once.
-- KEYS: stream, due, held, busy, counts, dead, state.  ARGV: group.
local stream, due, busy, counts, dead, state = KEYS[1], KEYS[2], KEYS[4], KEYS[5], KEYS[6], KEYS[7]

local function group_of(name)
  local groups = redis.pcall('XINFO', 'GROUPS', stream)
  -- Without a stream there is none.
  if groups.err then return nil end
  for i = 1, #groups do
    if field(groups[i], 'name') == name then return groups[i] end
  end
end

local group = group_of(ARGV[1]) or {}
local first = redis.call('XRANGE', stream, '-', '+', 'COUNT', 1)[1]
local next_due = redis.call('ZRANGE', due, 0, 0, 'WITHSCORES')
return {
  redis.call('XLEN', stream),
  field(group, 'pending') or 0,
  field(group, 'consumers') or 0,
  first and first[1] or '',
  redis.call('ZCARD', due),
  redis.call('ZCOUNT', due, '-inf', now()),
  next_due[2] or '',
  redis.call('HLEN', busy),
  redis.call('XLEN', dead),
  redis.call('HGET', state, 'paused') or '',
  redis.call('HGETALL', counts),
}
