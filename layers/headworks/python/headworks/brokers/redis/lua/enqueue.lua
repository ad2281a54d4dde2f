-- Accepts messages: each key once, at every consumer.
-- KEYS: the queue's counts; per consumer stream, due, held, busy, counts; per message its key and, on FIFO,
--       its parked list at each consumer.
-- ARGV: consumers, delay, FIFO (1 or 0), the window, that of a message whose key is its id, what stands before
--       the key in its name; per message id, body and, on FIFO, ordering key.
local consumers, delay, fifo = tonumber(ARGV[1]), tonumber(ARGV[2]), ARGV[3] == '1'
local due_at = now() + delay
local window, unkeyed_window, prefix = ARGV[4], ARGV[5], ARGV[6]
local key_at, argument_at = 2 + 5 * consumers, 7
local duplicates, sent, parked = {}, 0, {}

local function place(consumer, message_id, ordering_key, fields, parked_list)
  local at = 2 + 5 * (consumer - 1)
  if delay > 0 then
    hold(KEYS[at + 1], KEYS[at + 2], message_id, due_at, 'delayed', ordering_key, fields)
  elseif fifo and redis.call('HEXISTS', KEYS[at + 3], ordering_key) == 1 then
    redis.call('RPUSH', parked_list, cmsgpack.pack(fields))
    parked[consumer] = (parked[consumer] or 0) + 1
  else
    make_ready(KEYS[at], KEYS[at + 3], ordering_key, fields)
  end
end

local index = 0
while argument_at <= #ARGV do
  local id, body, key = ARGV[argument_at], ARGV[argument_at + 1], KEYS[key_at]
  local ordering_key = fifo and ARGV[argument_at + 2] or ''
  local lasts = key == prefix .. id and unkeyed_window or window
  local first = redis.call('SET', key, id, 'NX', 'GET', 'PX', lasts)
  if first then
    -- Its own id: this very message, sent again since the answer was lost.
    if first ~= id then
      duplicates[#duplicates + 1] = index
      duplicates[#duplicates + 1] = first
    end
  else
    local fields = fifo and { 'i', id, 'm', body, 'k', ordering_key } or { 'i', id, 'm', body }
    sent = sent + 1
    for consumer = 1, consumers do
      place(consumer, id, ordering_key, fields, KEYS[key_at + consumer])
    end
  end
  index = index + 1
  key_at = key_at + (fifo and 1 + consumers or 1)
  argument_at = argument_at + (fifo and 3 or 2)
end
for consumer, count in pairs(parked) do redis.call('HINCRBY', KEYS[6 + 5 * (consumer - 1)], 'parked', count) end
if sent > 0 then redis.call('HINCRBY', KEYS[1], 'sent', sent) end
if #duplicates > 0 then redis.call('HINCRBY', KEYS[1], 'duplicates', #duplicates / 2) end
return duplicates
