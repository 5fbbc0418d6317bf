-- The places of those locks that are somebody else's by now.
-- KEYS: locks
-- ARGV: owner, lease in ms
local lost = {}
for place, lock in ipairs(KEYS) do
  if redis.call('GET', lock) == ARGV[1] then
    redis.call('PEXPIRE', lock, ARGV[2])
  else
    lost[#lost + 1] = place
  end
end
return lost
