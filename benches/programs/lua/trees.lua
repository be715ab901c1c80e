-- Binary trees: many small tables, made and forgotten, which the collector finds.
local function grow(depth)
  if depth == 0 then return {} end
  return { grow(depth - 1), grow(depth - 1) }
end

local function count(tree)
  if not tree[1] then return 1 end
  return 1 + count(tree[1]) + count(tree[2])
end

local begun = os.clock()
local lasting = grow(15)
for depth = 4, 14, 5 do
  local trees, nodes = 1 << (17 - depth), 0
  for _ = 1, trees do nodes = nodes + count(grow(depth)) end
  print(trees, depth, nodes)
end
print(count(lasting))
print(os.clock() - begun)
