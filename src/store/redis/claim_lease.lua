-- The tag's next lease: for its holder, for anyone when nobody holds it, or in place of the holder that is displaced.
local holder = redis.call('HGET', KEYS[1], 'holder')
if holder and holder ~= ARGV[1] and holder ~= ARGV[2] then return { 'held', holder } end
local epoch = redis.call('HINCRBY', KEYS[1], 'epoch', 1)
redis.call('HSET', KEYS[1], 'holder', ARGV[1])
return { 'taken', tostring(epoch) }
