"""Where stages run: what each kind needs on a cluster, in one typed place."""
