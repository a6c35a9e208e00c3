"""Model repositories: recipes, shards, cards, and recipes of configs."""
