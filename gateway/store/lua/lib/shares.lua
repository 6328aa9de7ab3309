-- Shares: how the tokens of a call are divided among the priorities. Replies are asked first, then
-- notices, then bulk sends; but of twenty tokens each of these that waits gets one.
-- `owed` counts the tokens since a priority had its own, however few a call has. A notice's is due
-- one earlier: where both are due at once it waits for that of a bulk send.
local LOWER, EVERY = {'notice', 'bulk'}, {notice = 19, bulk = 20}

-- Return how many tokens of the budget are kept for each lower priority that waits; nil for others.
local function reserve_shares(number, now, owed, budget)
  local reserved, free = {}, budget
  for i = budget > 0 and #LOWER or 0, 1, -1 do
    local rank = LOWER[i]
    local first = redis.call('ZRANGE', number .. 'ready:' .. rank, 0, 0, 'WITHSCORES')[2]
    if first and tonumber(first) <= now then
      reserved[rank] = math.min(free, math.floor((owed[rank] + budget) / EVERY[rank]))
      free = free - reserved[rank]
    end
  end
  return reserved
end

-- Spend the budget; `take(rank, most)` returns how many it took. What a lower priority cannot use of
-- its share goes to all in their order. Returns what was spent by each, and by all.
local function spend_budget(budget, reserved, take)
  local spent, left = {reply = 0, notice = 0, bulk = 0}, budget
  local function spend(rank, most)
    local taken = take(rank, most)
    spent[rank], left = spent[rank] + taken, left - taken
  end
  for _, rank in ipairs(LOWER) do spend(rank, reserved[rank] or 0) end
  spend('reply', left)
  for _, rank in ipairs(LOWER) do spend(rank, reserved[rank] and left or 0) end
  return spent, budget - left
end

-- Count the tokens that were spent while a priority waited.
local function count_owed(owed, reserved, spent, all)
  for rank in pairs(reserved) do
    owed[rank] = math.max(0, math.min(EVERY[rank], owed[rank] + all - EVERY[rank] * spent[rank]))
  end
end
