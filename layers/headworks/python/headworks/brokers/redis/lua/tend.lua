-- What a consumer does before it fetches: brings back what is due, what was handed back and what was lost.
-- KEYS: stream, due, held, busy, counts, done marks (two), state.
-- ARGV: group, consumer, FIFO (1 or 0), most to promote, lease, pace and size of a search, idle (1 or 0), whether a pause counts (1 or 0).
local stream, due, held, busy, counts = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5]
local marks, state = { KEYS[6], KEYS[7] }, KEYS[8]
local group, consumer, fifo, most = ARGV[1], ARGV[2], ARGV[3] == '1', tonumber(ARGV[4])
local lease, pace, size, idle = tonumber(ARGV[5]), tonumber(ARGV[6]), tonumber(ARGV[7]), ARGV[8] == '1'
local time = now()

if redis.pcall('XPENDING', stream, group, '-', '+', 1).err then
  redis.call('XGROUP', 'CREATE', stream, group, '0', 'MKSTREAM')
end
if ARGV[9] == '1' and redis.call('HEXISTS', state, 'paused') == 1 then return { 1, time, -1, 0, {}, {}, 0, {} } end

local settled_elsewhere = redis.call('EXISTS', marks[1], marks[2]) > 0

-- True where it went; FIFO's others need their parked list, so the caller promotes them in a second step.
local function promote(message_id)
  local packed = redis.call('HGET', held, message_id)
  if not packed then return true end
  local kind, ordering_key, fields = unpack(cmsgpack.unpack(packed))
  local marked = settled_elsewhere and kind == 'retry' and is_over(marks, message_id, fields)
  if fifo then
    local holds = kind == 'retry' and redis.call('HGET', busy, ordering_key) == 'due ' .. message_id
    if marked or not holds then return false, ordering_key end
  end
  if marked then
    redis.call('HINCRBY', counts, 'done', 1)
  else
    make_ready(stream, busy, ordering_key, fields)
  end
  return true
end

local ripe = redis.call('ZRANGEBYSCORE', due, '-inf', time, 'LIMIT', 0, most)
local gone, second_step = {}, {}
for i = 1, #ripe do
  local went, ordering_key = promote(ripe[i])
  if went then
    gone[#gone + 1] = ripe[i]
  else
    second_step[#second_step + 1] = ripe[i]
    second_step[#second_step + 1] = ordering_key
  end
end
if #gone > 0 then
  redis.call('ZREM', due, unpack(gone))
  redis.call('HDEL', held, unpack(gone))
end
local first = redis.call('ZRANGE', due, 0, 0, 'WITHSCORES')
local next_due = first[2] and tonumber(first[2]) or -1

-- One page of what is pending, from where the last search stopped.
local looked_at = tonumber(redis.call('HGET', state, 'looked_at') or '0')
local handed_back, suspects = {}, {}
if time - looked_at >= pace then
  local cursor = redis.call('HGET', state, 'cursor') or '-'
  local page = redis.call('XPENDING', stream, group, cursor, '+', size)
  for i = 1, #page do
    local id, owner, since, delivery_count = unpack(page[i])
    if since >= lease then
      if delivery_count == 0 then
        handed_back[#handed_back + 1] = id
      elseif owner ~= consumer or since >= 500000000 then
        -- Its own are at work, but for those that it handed back.
        suspects[#suspects + 1] = { id, delivery_count }
      end
    end
  end
  if #suspects > 0 then
    -- They wait for somebody idle, and the next one who looks finds them at once.
    redis.call('HSET', state, 'looked_at', 0)
  else
    redis.call('HSET', state, 'looked_at', time, 'cursor', #page == size and '(' .. page[#page][1] or '-')
  end
end

local back = {}
if #handed_back > 0 then
  back = redis.call('XCLAIM', stream, group, consumer, lease, unpack(handed_back))
end
local suspect, waiting = {}, #suspects
if idle and #suspects > 0 and #back == 0 then
  local id, delivery_count = suspects[1][1], suspects[1][2]
  -- An entry that is gone from the stream leaves the pending ones here, and answers nothing.
  local claimed = redis.call('XCLAIM', stream, group, consumer, lease, id)
  waiting = waiting - 1
  if claimed[1] then
    local message_id = field(claimed[1][2], 'i')
    local marked = settled_elsewhere and message_id and is_marked(marks, message_id)
    suspect = { id, claimed[1][2], delivery_count + 1, marked and 1 or 0 }
  end
end
return { 0, time, next_due, #ripe == most and 1 or 0, back, suspect, waiting, second_step }
