-- A request that is refused before the store is asked, counted all the same.
-- KEYS: rate
-- ARGV: limit
local count = redis.call('INCR', KEYS[1])
if count == 1 then redis.call('EXPIRE', KEYS[1], 120) end
if count > tonumber(ARGV[1]) then return {count, 'limited'} end
return {count, 'counted'}
