-- FIFO's second step: brings back due messages that may have to park.
-- KEYS: stream, due, held, busy, counts, done marks (two); per message its parked list.
-- ARGV: longest run; per message id and ordering key.
local stream, due, held, busy, counts, marks = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5], { KEYS[6], KEYS[7] }
local longest_run, time, promoted = tonumber(ARGV[1]), now(), 0

local function place(id, ordering_key, kind, fields, parked)
  local holder = redis.call('HGET', busy, ordering_key)
  local holds = holder == 'due ' .. id
  if kind == 'retry' and is_over(marks, id, fields) then
    redis.call('HINCRBY', counts, 'done', 1)
    if holds then release(stream, busy, counts, parked, ordering_key, longest_run) end
  elseif holds or not holder then
    make_ready(stream, busy, ordering_key, fields)
  else
    -- A retry that lost its key, to a repair perhaps, is older than all that is parked.
    redis.call(kind == 'retry' and 'LPUSH' or 'RPUSH', parked, cmsgpack.pack(fields))
    redis.call('HINCRBY', counts, 'parked', 1)
  end
end

for i = 2, #ARGV, 2 do
  local id, ordering_key = ARGV[i], ARGV[i + 1]
  local at = redis.call('ZSCORE', due, id)
  local packed = redis.call('HGET', held, id)
  if at and tonumber(at) <= time and packed then
    local kind, _, fields = unpack(cmsgpack.unpack(packed))
    redis.call('ZREM', due, id)
    redis.call('HDEL', held, id)
    place(id, ordering_key, kind, fields, KEYS[7 + i / 2])
    promoted = promoted + 1
  end
end
return promoted
