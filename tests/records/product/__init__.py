"""All that records know of the product. When modules move, this folder follows and the records stay
as they are."""
