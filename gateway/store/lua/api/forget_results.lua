-- forget_results: take results that are written off the list of those that are owed.
-- KEYS  1 the number's prefix
-- ARGV  for each result two: the result, and the moment since which it is owed, as it was read
-- Returns how many it took off. One that was asked for again meanwhile is owed again.
local owed, forgot = KEYS[1] .. 'results', 0
for i = 1, #ARGV, 2 do
  if tonumber(redis.call('ZSCORE', owed, ARGV[i]) or -1) == tonumber(ARGV[i + 1]) then
    forgot = forgot + redis.call('ZREM', owed, ARGV[i])
  end
end
return forgot
