"""What a service that speaks this API has to keep, as property-based tests over the catalogue.

It knows the catalogue's data and calls none of the code that it judges. Needs `pip install fakescope[contracts]`.
"""
