-- One checkout of a port, counted and decided at once: exactly one job for a key, and one subscription for a port.
-- KEYS: rate, order, hold, job, queue, announced, ready
-- ARGV: limit, refusal or '', fingerprint, answer, job id, subscription id, job, switch
local count = redis.call('INCR', KEYS[1])
if count == 1 then redis.call('EXPIRE', KEYS[1], 120) end
if count > tonumber(ARGV[1]) then return {count, 'limited'} end

local known = redis.call('HMGET', KEYS[2], 'fingerprint', 'answer', 'job', 'subscription')
if known[1] then
  if known[1] == ARGV[3] then return {count, 'replayed', known[2]} end
  return {count, 'reused', known[3], known[4]}
end
if ARGV[2] ~= '' then return {count, 'refused'} end
if not redis.call('SET', KEYS[3], ARGV[6], 'NX') then return {count, 'taken'} end

redis.call('HSET', KEYS[2], 'fingerprint', ARGV[3], 'answer', ARGV[4], 'job', ARGV[5], 'subscription', ARGV[6])
redis.call('SET', KEYS[4], 'queued')
redis.call('RPUSH', KEYS[5], ARGV[7])
if redis.call('SADD', KEYS[6], ARGV[8]) == 1 then redis.call('RPUSH', KEYS[7], 'switch ' .. ARGV[8]) end
return {count, 'accepted'}
