-- Counts the pieces of a long string in tables, as k-nucleotide does.
local seed = 42
local function letters(count)
  local list = {}
  for i = 1, count do
    seed = (seed * 3877 + 29573) % 139968
    local which = seed / 139968
    list[i] = which < 0.303 and "a" or which < 0.501 and "c" or which < 0.698 and "g" or "t"
  end
  return table.concat(list)
end

local function pieces(text, length)
  local counts = {}
  for i = 1, #text - length + 1 do
    local piece = text:sub(i, i + length - 1)
    counts[piece] = (counts[piece] or 0) + 1
  end
  return counts
end

local begun = os.clock()
local text = letters(80000)
for _, length in ipairs { 1, 2, 4, 6, 12 } do
  local counts, keys = pieces(text, length), {}
  for piece in pairs(counts) do keys[#keys + 1] = piece end
  table.sort(keys, function(a, b)
    if counts[a] ~= counts[b] then return counts[a] > counts[b] end
    return a < b
  end)
  print(length, #keys, keys[1], counts[keys[1]])
end
print(os.clock() - begun)
