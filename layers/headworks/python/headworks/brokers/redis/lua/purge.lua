-- Removes messages, and lets go of the keys that they were accepted under.
-- An ordering key whose holder goes is free for the next one of its line in the same call.
-- KEYS: stream, due, held, busy, counts, parked list to look through (or the stream again, where none is meant); a
--       parked list per unit with an ordering key; keys of messages.
-- ARGV: group, whether what is being processed goes, too (1 or 0), rank and number of the parked messages to look
--       through, longest run, number of units; of each where it is (`stream`, `held`, `parked`), its id, how many
--       messages it is, and the ordering key that it may hold; then for each message key the id that it must hold to
--       be removed, and the place of its unit.
local stream, due, held, busy, counts, parked = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5], KEYS[6]
local group, running_too, longest_run, units = ARGV[1], ARGV[2] == '1', tonumber(ARGV[5]), tonumber(ARGV[6])
local removed, running, gone = 0, 0, {}
local remove = {}

-- Parked messages move up meanwhile: what isn't where it was seen isn't taken.
local packed = {}
if parked ~= stream then
  local page = redis.call('LRANGE', parked, ARGV[3], ARGV[3] + ARGV[4] - 1)
  for i = 1, #page do packed[field(cmsgpack.unpack(page[i]), 'i')] = page[i] end
end

function remove.parked(message_id)
  if not packed[message_id] or redis.call('LREM', parked, 1, packed[message_id]) == 0 then return false end
  redis.call('HINCRBY', counts, 'parked', -1)
  return true
end

function remove.held(message_id)
  redis.call('ZREM', due, message_id)
  return redis.call('HDEL', held, message_id) == 1
end

function remove.stream(id, messages)
  if not running_too then
    local pending = redis.pcall('XPENDING', stream, group, id, id, 1)
    if not pending.err and #pending > 0 then
      running = running + messages
      return false
    end
  end
  redis.pcall('XACK', stream, group, id)
  return redis.call('XDEL', stream, id) == 1
end

local next_line = 6
for i = 1, units do
  local at = 3 + 4 * i
  local place, id, messages, ordering_key = ARGV[at], ARGV[at + 1], tonumber(ARGV[at + 2]), ARGV[at + 3]
  local line
  if ordering_key ~= '' then
    next_line = next_line + 1
    line = KEYS[next_line]
  end
  if remove[place](id, messages) then
    removed = removed + messages
    gone[i] = true
    if line and redis.call('HGET', busy, ordering_key) == (place == 'held' and 'due ' .. id or id) then
      release(stream, busy, counts, line, ordering_key, longest_run)
    end
  end
end
local at, key = 7 + 4 * units, next_line + 1
while at <= #ARGV do
  if gone[tonumber(ARGV[at + 1])] and redis.call('GET', KEYS[key]) == ARGV[at] then
    redis.call('UNLINK', KEYS[key])
  end
  at, key = at + 2, key + 1
end
return { removed, running }
