"""From kernel maps to arrays: layout, loading, attaching, walking."""
