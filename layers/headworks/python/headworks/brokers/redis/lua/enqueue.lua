-- Accepts messages: each key once, at every consumer.
-- KEYS: the queue's counts; per consumer stream, due, held, busy, counts; per message its key and, on FIFO,
--       its parked list at each consumer.
-- ARGV: consumers, delay, FIFO (1 or 0), the window, that of a message whose key is its id, what stands before
--       the key in its name; per message id, body and, on FIFO, ordering key.
local consumers, delay, fifo = tonumber(ARGV[1]), tonumber(ARGV[2]), ARGV[3] == '1'
local window, unkeyed_window, prefix = ARGV[4], ARGV[5], ARGV[6]
local due_at = delay > 0 and now() + delay
local keys_each, arguments_each = fifo and 1 + consumers or 1, fifo and 3 or 2
local key_at = 2 + 5 * consumers
local duplicates, sent, parked = {}, 0, {}

for argument_at = 7, #ARGV, arguments_each do
  local id, body, key = ARGV[argument_at], ARGV[argument_at + 1], KEYS[key_at]
  local lasts = key == prefix .. id and unkeyed_window or window
  local first = redis.call('SET', key, id, 'NX', 'GET', 'PX', lasts)
  if first then
    -- Its own id: this very message, sent again since the answer was lost.
    if first ~= id then
      duplicates[#duplicates + 1] = (argument_at - 7) / arguments_each
      duplicates[#duplicates + 1] = first
    end
  else
    sent = sent + 1
    local ordering_key = fifo and ARGV[argument_at + 2] or ''
    for consumer = 1, consumers do
      -- Its stream, due, held, busy and counts.
      local at = 5 * consumer - 3
      if not (due_at or fifo) then
        redis.call('XADD', KEYS[at], '*', 'i', id, 'm', body)
      else
        local fields = fifo and { 'i', id, 'm', body, 'k', ordering_key } or { 'i', id, 'm', body }
        if due_at then
          hold(KEYS[at + 1], KEYS[at + 2], id, due_at, 'delayed', ordering_key, fields)
        elseif redis.call('HEXISTS', KEYS[at + 3], ordering_key) == 1 then
          redis.call('RPUSH', KEYS[key_at + consumer], cmsgpack.pack(fields))
          parked[consumer] = (parked[consumer] or 0) + 1
        else
          make_ready(KEYS[at], KEYS[at + 3], ordering_key, fields)
        end
      end
    end
  end
  key_at = key_at + keys_each
end
for consumer, count in pairs(parked) do redis.call('HINCRBY', KEYS[5 * consumer + 1], 'parked', count) end
if sent > 0 then redis.call('HINCRBY', KEYS[1], 'sent', sent) end
if #duplicates > 0 then redis.call('HINCRBY', KEYS[1], 'duplicates', #duplicates / 2) end
return duplicates
