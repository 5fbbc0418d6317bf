-- Outcomes of a visit with their events, at once. A failed job lets go of its port.
-- KEYS: lock, running, outbox, unsaved, then a job and a hold for each outcome
-- ARGV: owner, switch, then for each outcome: job, status, subscription id, count of events, and so many ids and events
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return redis.error_reply('LOST the lock') end
local key, place = 5, 3
while ARGV[place] do
  local job, status, subscription, events = ARGV[place], ARGV[place + 1], ARGV[place + 2], tonumber(ARGV[place + 3])
  redis.call('LREM', KEYS[2], 1, job)
  redis.call('SET', KEYS[key], status)
  if status == 'failed' then
    if redis.call('GET', KEYS[key + 1]) == subscription then redis.call('DEL', KEYS[key + 1]) end
  else
    redis.call('SADD', KEYS[4], ARGV[2])
  end
  for event = place + 4, place + 3 + 2 * events, 2 do
    redis.call('HSET', KEYS[3], ARGV[event], ARGV[event + 1])
  end
  key, place = key + 2, place + 4 + 2 * events
end
return 1
