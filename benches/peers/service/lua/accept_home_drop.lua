-- One checkout of a unit that has no port yet: its event is on record with it.
-- KEYS: rate, order, outbox, ready
-- ARGV: limit, refusal or '', fingerprint, answer, subscription id, event id, event
local count = redis.call('INCR', KEYS[1])
if count == 1 then redis.call('EXPIRE', KEYS[1], 120) end
if count > tonumber(ARGV[1]) then return {count, 'limited'} end

local known = redis.call('HMGET', KEYS[2], 'fingerprint', 'answer', 'job', 'subscription')
if known[1] then
  if known[1] == ARGV[3] then return {count, 'replayed', known[2]} end
  return {count, 'reused', known[3], known[4]}
end
if ARGV[2] ~= '' then return {count, 'refused'} end

redis.call('HSET', KEYS[2], 'fingerprint', ARGV[3], 'answer', ARGV[4], 'subscription', ARGV[5])
redis.call('HSET', KEYS[3], ARGV[6], ARGV[7])
redis.call('RPUSH', KEYS[4], 'event ' .. ARGV[6])
return {count, 'accepted'}
