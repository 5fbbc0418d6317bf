-- Lets a lease go if it is still this one. The epoch stays: it never goes back.
if redis.call('HGET', KEYS[1], 'epoch') == ARGV[1] then redis.call('HDEL', KEYS[1], 'holder') end
return 'done'
