-- Acts on outcomes, each only if its lease is still held.
-- KEYS: stream, due, held, busy, counts, done marks (two), dead; a parked list per record with an ordering key.
-- ARGV: group, consumer, period of marks, longest run, number of plain entries, their ids (first deliveries that
--       are done); then records: kind, entry id, delivery count, message id, ordering key, and
--       done: whether to mark it; dead: letter; wait: counter, milliseconds, state;
--       run: how many of it are finished, for each of those message id and letter (empty: done), and whether
--            the one after them waits: counter, milliseconds, state (no counter: it doesn't).
local stream, due, held, busy, counts = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5]
local group, consumer, longest_run, plain = ARGV[1], ARGV[2], tonumber(ARGV[4]), tonumber(ARGV[5])
local mark = marker({ KEYS[6], KEYS[7] }, tonumber(ARGV[3]))
local dead, next_parked, at = KEYS[8], 8, 6 + plain
local late, tally, finished = {}, {}, {}

local first_id = plain > 0 and ARGV[6] or ARGV[at + 1]
local holds = leases_of(stream, group, consumer, first_id, plain + (#ARGV - at) / 6 + 100)

local function count(name, by) tally[name] = (tally[name] or 0) + by end

local function take(number)
  local from = at
  at = at + number
  return unpack(ARGV, from, at - 1)
end

local function drop(id)
  redis.call('XACK', stream, group, id)
  redis.call('XDEL', stream, id)
end

local function free(id, ordering_key, parked)
  if parked and redis.call('HGET', busy, ordering_key) == id then
    release(stream, busy, counts, parked, ordering_key, longest_run)
  end
end

local function bury(message_id, fields, letter)
  redis.call('XADD', dead, '*', 'i', message_id, 'm', field(fields, 'm') or '', 'l', letter)
end

local function wait(id, message_id, ordering_key, fields, milliseconds, state)
  hold(due, held, message_id, now() + milliseconds, 'retry', ordering_key, with_field(fields, 's', state))
  if ordering_key ~= '' and redis.call('HGET', busy, ordering_key) == id then
    redis.call('HSET', busy, ordering_key, 'due ' .. message_id)
  end
end

local function fields_of(id)
  local entry = redis.call('XRANGE', stream, id, id)[1]
  return entry and entry[2]
end

local handle = {}

handle.done = function(id, held_still, message_id, ordering_key, parked)
  local marks_it = take(1)
  if marks_it == '1' or not held_still then mark(message_id) end
  if held_still then
    drop(id)
    free(id, ordering_key, parked)
    count('done', 1)
  end
end

handle.dead = function(id, held_still, message_id, ordering_key, parked)
  local letter = take(1)
  if not held_still then return end
  if letter ~= '' then bury(message_id, fields_of(id) or {}, letter) end
  drop(id)
  free(id, ordering_key, parked)
  count('dead', 1)
end

handle.wait = function(id, held_still, message_id, ordering_key, parked)
  local counter, milliseconds, state = take(3)
  if not held_still then return end
  local fields = fields_of(id)
  drop(id)
  if fields then
    wait(id, message_id, ordering_key, fields, tonumber(milliseconds), state)
  else
    free(id, ordering_key, parked)
  end
  count(counter, 1)
end

handle.run = function(id, held_still, _, ordering_key, parked)
  local number = tonumber((take(1)))
  local members, first = nil, at
  at = at + 2 * number
  local counter, milliseconds, state = take(3)
  if not held_still then
    for i = first, first + 2 * number - 1, 2 do
      if ARGV[i + 1] == '' then mark(ARGV[i]) end
    end
    return
  end
  members = cmsgpack.unpack(field(fields_of(id) or {}, 'b') or cmsgpack.pack({}))
  for i = 1, number do
    local letter = ARGV[first + 2 * i - 1]
    if letter ~= '' and letter ~= '-' then bury(ARGV[first + 2 * i - 2], members[i] or {}, letter) end
    count(letter == '' and 'done' or 'dead', 1)
  end
  drop(id)
  local waiting = counter ~= '' and members[number + 1]
  local rest = number + (waiting and 2 or 1)
  for i = #members, rest, -1 do redis.call('LPUSH', parked, cmsgpack.pack(members[i])) end
  if #members >= rest then redis.call('HINCRBY', counts, 'parked', #members - rest + 1) end
  if waiting then
    wait(id, field(waiting, 'i'), ordering_key, waiting, tonumber(milliseconds), state)
    count(counter, 1)
  else
    free(id, ordering_key, parked)
  end
end

for i = 6, 5 + plain do
  if holds(ARGV[i], 1) then finished[#finished + 1] = ARGV[i] else late[#late + 1] = ARGV[i] end
end
if #finished > 0 then
  redis.call('XACK', stream, group, unpack(finished))
  redis.call('XDEL', stream, unpack(finished))
  count('done', #finished)
end

while at <= #ARGV do
  local kind, id, delivery_count, message_id, ordering_key = take(5)
  local parked
  if ordering_key ~= '' then
    next_parked = next_parked + 1
    parked = KEYS[next_parked]
  end
  local held_still = holds(id, tonumber(delivery_count))
  if not held_still then late[#late + 1] = id end
  handle[kind](id, held_still, message_id, ordering_key, parked)
end
if #late > 0 then count('late', #late) end
for name, by in pairs(tally) do redis.call('HINCRBY', counts, name, by) end
return late
