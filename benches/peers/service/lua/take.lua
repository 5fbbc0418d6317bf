-- What waits for a switch, up to a number; when nothing does, the next checkout announces the switch anew.
-- KEYS: lock, queue, running, announced
-- ARGV: owner, number, switch
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return redis.error_reply('LOST the lock') end
local jobs = redis.call('LPOP', KEYS[2], ARGV[2])
if not jobs then
  redis.call('SREM', KEYS[4], ARGV[3])
  return {}
end
redis.call('RPUSH', KEYS[3], unpack(jobs))
return jobs
