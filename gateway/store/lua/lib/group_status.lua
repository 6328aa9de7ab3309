-- Group status: each participant has a status rank of their own, in `{n}members:<send>`, as
-- "<rung> <stage> <moment> <code>". Participants beyond the limit are only counted.
local MOST_MEMBERS = 1024

local function climb(number, id, who, stage, rung, when, code)
  local members = number .. 'members:' .. id
  local told = redis.call('HGET', members, who)
  local before = told and tonumber(told:match('^%d+'))
  if not told and redis.call('HLEN', members) >= MOST_MEMBERS then
    return count(number, 'statuses.crowded')
  end
  if told and rung < before then return count(number, 'statuses.backwards') end
  if told and before == C.STATUS_RANK.failed and rung > C.STATUS_RANK.failed then return end
  redis.call('HSET', members, who, rung .. ' ' .. stage .. ' ' .. when .. ' ' .. code)
  redis.call('PEXPIRE', members, C.MONTH_MS)
end
