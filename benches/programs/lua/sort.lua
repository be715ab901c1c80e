-- The library's sort, with and without a function that compares, and one in Lua.
local seed = 42
local function random(limit)
  seed = (seed * 1103515245 + 12345) % 2147483648
  return seed // 65536 % limit
end

local function numbers(count)
  local list = {}
  for i = 1, count do list[i] = random(32768) end
  return list
end

local function merge_sort(list, from, to, room)
  if to <= from then return end
  local middle = (from + to) // 2
  merge_sort(list, from, middle, room)
  merge_sort(list, middle + 1, to, room)
  local left, right = from, middle + 1
  for i = from, to do
    if left <= middle and (right > to or list[left] <= list[right]) then
      room[i], left = list[left], left + 1
    else
      room[i], right = list[right], right + 1
    end
  end
  table.move(room, from, to, from, list)
end

local function checksum(list)
  local sum = 0
  for i, value in ipairs(list) do sum = (sum * 31 + value * i) % 1000000007 end
  return sum
end

local begun = os.clock()
local plain, compared, merged, records = numbers(120000), numbers(80000), numbers(80000), {}
table.sort(plain)
table.sort(compared, function(a, b) return a > b end)
merge_sort(merged, 1, #merged, {})
for i = 1, 30000 do records[i] = { key = random(1000), name = "n" .. i } end
table.sort(records, function(a, b)
  if a.key ~= b.key then return a.key < b.key end
  return a.name < b.name
end)
print(checksum(plain), checksum(compared), checksum(merged), records[1].name, records[#records].name)
print(os.clock() - begun)
