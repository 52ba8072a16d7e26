
local cleared = {}
local known = HEAD
for at = FIRST, #ARGV, 3 do
  local operation, name, value = ARGV[at], ARGV[at + 1], ARGV[at + 2]
  if operation == 's' then
    known = known + 1
    if found[known] and not cleared['i:'] then
      return CONFLICT
    end
    sets[#sets + 1] = 'e:' .. name
    sets[#sets + 1] = value
  elseif operation == '+' then
    local old, immutable = found[known + 1], found[known + 2]
    known = known + 2
    if cleared['e:'] then
      old, immutable = false, false
    end
    local sum = not immutable and add(old or '0', value)
    if not sum then
      return CONFLICT
    end
    sets[#sets + 1] = 'e:' .. name
    sets[#sets + 1] = sum
  elseif operation == '=' or operation == '!' then
    local held = found[known + 1] or found[known + 2]
    known = known + 2
    if operation == '=' and held ~= value or operation == '!' and held then
      return CONFLICT
    end
  elseif operation == 'i' then
    sets[#sets + 1] = 'i:' .. name
    sets[#sets + 1] = value
    removed[#removed + 1] = 'e:' .. name
  elseif operation == 'd' then
    removed[#removed + 1] = 'e:' .. name
    removed[#removed + 1] = 'i:' .. name
  elseif operation == 'f' then
    sets[#sets + 1] = 'f:' .. name
    sets[#sets + 1] = value
  elseif operation == 'u' then
    removed[#removed + 1] = 'f:' .. name
  elseif operation == 'c' then
    known = known + 1
    if found[known] == value then
      removed[#removed + 1] = 'f:' .. name
    end
  elseif operation == 'x' then
    cleared[name] = true
  else
    return CONFLICT
  end
end
-- The format of a record ends at 65535 entries and flashes.
if #sets > 0 and redis.call('HLEN', key) + #sets / 2 > 65535 then
  return CONFLICT
end
if next(cleared) then
  for _, field in ipairs(redis.call('HKEYS', key)) do
    if cleared[string.sub(field, 1, 2)] then
      removed[#removed + 1] = field
    end
  end
end

if ARGV[6] ~= '' then
  sets[#sets + 1] = 's'
  sets[#sets + 1] = ARGV[6]
end
if ARGV[7] ~= '' then
  principal = string.sub(ARGV[7], 2)
  sets[#sets + 1] = 'p'
  sets[#sets + 1] = principal
end
if ARGV[8] ~= '' then
  idle_text = ARGV[8]
  idle = idle_text == '-' and math.huge or tonumber(idle_text)
end

-- The index entry of a session that activity carries on for ever has to be carried on too: at the first commit in each half of its
-- idle limit. The entry outlives three limits, so it is still there if some of these are lost.
local half = idle / 2
if principal and absolute == math.huge and half > 0 and idle < math.huge then
  local latest = math.max(seen, now)
  if math.floor(seen / half) ~= math.floor(latest / half) then
    answer = { APPLIED, principal, string.format('%.0f', latest + 3 * idle) }
  end
end
