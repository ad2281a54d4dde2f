-- Put in front of every script's own text.

local function now()
  local time = redis.call('TIME')
  return time[1] * 1000 + math.floor(time[2] / 1000)
end

-- Which of a consumer's leases are its own still: entry id -> delivery count, read for a whole batch at once.
local function leases_of(stream, group, consumer, from, count)
  local counts = {}
  local pending = redis.pcall('XPENDING', stream, group, from, '+', math.floor(count), consumer)
  -- Without a stream or a group nobody holds anything.
  if pending.err then return function() return false end end
  for i = 1, #pending do counts[pending[i][1]] = pending[i][4] end
  return function(id, delivery_count)
    local known = counts[id]
    if not known then
      local found = redis.call('XPENDING', stream, group, id, id, 1, consumer)
      known = found[1] and found[1][4]
    end
    return known == delivery_count
  end
end

-- The marks of finished work lie in two hashes, by turns: the older one is emptied when its turn comes again.
local function marker(marks, period)
  local time = now()
  local generation = tostring(math.floor(time / period))
  local key = marks[1 + math.floor(time / period) % 2]
  local ready = false
  return function(message_id)
    if not ready then
      if redis.call('HGET', key, '') ~= generation then
        redis.call('UNLINK', key)
        redis.call('HSET', key, '', generation)
      end
      redis.call('PEXPIRE', key, 2 * period)
      ready = true
    end
    redis.call('HSET', key, message_id, time)
  end
end

local function is_marked(marks, message_id)
  return redis.call('HGET', marks[1], message_id) or redis.call('HGET', marks[2], message_id)
end

local function field(fields, name)
  for i = 1, #fields, 2 do
    if fields[i] == name then return fields[i + 1] end
  end
end

-- Of what was put back from a ledger the ledger says whether it still runs: it is handed out, marked or not.
local function is_over(marks, message_id, fields)
  return not field(fields, 'l') and is_marked(marks, message_id)
end

local function make_ready(stream, busy, ordering_key, fields)
  local id = redis.call('XADD', stream, '*', unpack(fields))
  if ordering_key ~= '' then redis.call('HSET', busy, ordering_key, id) end
  return id
end

-- Into the stream, or behind what is in its ordering key's line.
local function line_up(stream, busy, counts, parked, ordering_key, fields)
  if ordering_key ~= '' and redis.call('HEXISTS', busy, ordering_key) == 1 then
    redis.call('RPUSH', parked, cmsgpack.pack(fields))
    redis.call('HINCRBY', counts, 'parked', 1)
  else
    make_ready(stream, busy, ordering_key, fields)
  end
end

-- The ordering key's holder is gone: the next parked messages of it take its place, several as one run.
local function release(stream, busy, counts, parked, ordering_key, most)
  local run = redis.call('LPOP', parked, most)
  if not run then
    redis.call('HDEL', busy, ordering_key)
    return
  end
  redis.call('HINCRBY', counts, 'parked', -#run)
  local first = cmsgpack.unpack(run[1])
  if #run > 1 then
    -- An array in MessagePack is its length and then its elements, as they are.
    local packed = string.char(0xdc, math.floor(#run / 256), #run % 256) .. table.concat(run)
    first = { 'i', first[2], 'k', ordering_key, 'b', packed }
  end
  make_ready(stream, busy, ordering_key, first)
end

local function with_field(fields, name, value)
  local changed = {}
  for i = 1, #fields, 2 do
    if fields[i] ~= name then
      changed[#changed + 1] = fields[i]
      changed[#changed + 1] = fields[i + 1]
    end
  end
  if value ~= '' then
    changed[#changed + 1] = name
    changed[#changed + 1] = value
  end
  return changed
end

-- Out of the stream until it is due; kind is `retry`, which keeps its ordering key, or `delayed`.
local function hold(due, held, message_id, at, kind, ordering_key, fields)
  redis.call('ZADD', due, at, message_id)
  redis.call('HSET', held, message_id, cmsgpack.pack({ kind, ordering_key, fields }))
end
