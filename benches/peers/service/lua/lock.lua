-- A switch's lock, and with it what an earlier holder left unfinished, at the head of the queue again.
-- KEYS: lock, queue, running
-- ARGV: owner, lease in ms
local holder = redis.call('GET', KEYS[1])
if holder and holder ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
while redis.call('LMOVE', KEYS[3], KEYS[2], 'RIGHT', 'LEFT') do end
return 1
