"""Model repositories: recipes, shards, cards and their derivation from configs."""
