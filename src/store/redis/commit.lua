-- A row of commits: judged as a whole, then written as a whole, so that a denial anywhere leaves nothing behind.
-- Knows versions, leases and repeats, and no rule of the service. What a commit says comes in ARGV, in the order in
-- which row.rs writes it; a key is the number of its place in KEYS.
local at = 0
local function take() at = at + 1; return ARGV[at] end
local function number() return tonumber(take()) end
local function key() return KEYS[number()] end

local function read_commit()
  local commit = { id = take(), marker = key(), lease = take(), expect = {}, writes = {}, events = {} }
  if commit.lease ~= '' then commit.lease_key = key() end
  for i = 1, number() do
    local place = number()
    commit.expect[i] = { place = place, key = KEYS[place], version = take() }
  end
  for i = 1, number() do
    local kind = take()
    local write = { kind = kind, key = key() }
    if kind == 'put' then write.value = take()
    elseif kind == 'include' then write.member = take(); write.score = take()
    elseif kind == 'exclude' then write.member = take() end
    commit.writes[i] = write
  end
  for i = 1, number() do
    local event = { kind = take() }
    if event.kind == 'deliver' then
      event.delivery = key(); event.sequence = key(); event.due = key()
      event.member = take(); event.score = take(); event.head = take(); event.tail = take()
    else
      event.outbox = key(); event.entry = take()
    end
    commit.events[i] = event
  end
  return commit
end

local keep_ms = take()
local row = {}
for i = 1, number() do row[i] = read_commit() end

-- The versions as they will be once the commits before this one are written.
local foreseen, applied = {}, {}
local function version(of)
  if foreseen[of] == nil then foreseen[of] = redis.call('GETRANGE', of, 0, 15) end
  return foreseen[of]
end

-- true: apply it. false: it was applied before. Else why it is denied.
local function judge(commit)
  if applied[commit.id] or redis.call('EXISTS', commit.marker) == 1 then return false end
  if commit.lease ~= '' then
    local current = redis.call('HGET', commit.lease_key, 'epoch') or '0'
    if tonumber(current) > tonumber(commit.lease) then return { 'fenced', current } end
  end
  for _, expected in ipairs(commit.expect) do
    local found = version(expected.key)
    -- A version is the id of the commit that wrote it: this one has been applied, however long ago.
    if found == commit.id then return false end
    if found ~= expected.version then return { 'stale', tostring(expected.place) } end
  end
  return true
end

local function foresee(commit)
  applied[commit.id] = true
  for _, write in ipairs(commit.writes) do
    if write.kind == 'put' then foreseen[write.key] = commit.id
    elseif write.kind == 'delete' then foreseen[write.key] = '' end
  end
  for _, event in ipairs(commit.events) do
    if event.kind == 'deliver' and version(event.delivery) == '' then foreseen[event.delivery] = commit.id end
  end
end

local fresh, known = {}, {}
for i, commit in ipairs(row) do
  local verdict = judge(commit)
  if type(verdict) == 'table' then return { tostring(i), verdict[1], verdict[2] } end
  if verdict then
    foresee(commit)
    fresh[#fresh + 1] = commit
  else
    known[#known + 1] = commit
  end
end

local function deliver(event)
  if redis.call('EXISTS', event.delivery) == 1 then return end
  local sequence = redis.call('INCR', event.sequence)
  redis.call('SET', event.delivery, event.head .. string.format('%.0f', sequence) .. event.tail)
  redis.call('ZADD', event.due, event.score, event.member)
end

for _, commit in ipairs(fresh) do
  for _, write in ipairs(commit.writes) do
    if write.kind == 'put' then redis.call('SET', write.key, write.value)
    elseif write.kind == 'delete' then redis.call('DEL', write.key)
    elseif write.kind == 'include' then redis.call('ZADD', write.key, write.score, write.member)
    else redis.call('ZREM', write.key, write.member) end
  end
  for _, event in ipairs(commit.events) do
    if event.kind == 'deliver' then deliver(event) else redis.call('RPUSH', event.outbox, event.entry) end
  end
  redis.call('SET', commit.marker, '', 'PX', keep_ms)
end
-- Also for a repeat: whoever waits for replicas waits for what its own connection wrote last.
for _, commit in ipairs(known) do redis.call('SET', commit.marker, '', 'PX', keep_ms) end
return { '0', 'applied', tostring(#fresh) }
