-- A run of which some may have run before: what is marked is finished, the rest is parked again, its first one
-- alone.  Their marks are looked up once more: their old owner may be slow, and not dead.
-- KEYS: stream, busy, counts, done marks (two), parked.  ARGV: group, consumer, entry id, delivery count, ordering key.
local stream, busy, counts, marks, parked = KEYS[1], KEYS[2], KEYS[3], { KEYS[4], KEYS[5] }, KEYS[6]
local group, consumer, id, delivery_count, ordering_key = unpack(ARGV)
if not leases_of(stream, group, consumer, id, 1)(id, tonumber(delivery_count)) then return 0 end
local entry = redis.call('XRANGE', stream, id, id)[1]
local members = entry and cmsgpack.unpack(field(entry[2], 'b')) or {}
redis.call('XACK', stream, group, id)
redis.call('XDEL', stream, id)
local left, finished = 0, 0
for i = #members, 1, -1 do
  if not is_over(marks, field(members[i], 'i'), members[i]) then
    redis.call('LPUSH', parked, cmsgpack.pack(with_field(members[i], 'r', '1')))
    left = left + 1
  else
    finished = finished + 1
  end
end
if finished > 0 then redis.call('HINCRBY', counts, 'done', finished) end
if left > 0 then redis.call('HINCRBY', counts, 'parked', left) end
if redis.call('HGET', busy, ordering_key) == id then release(stream, busy, counts, parked, ordering_key, 1) end
return left
