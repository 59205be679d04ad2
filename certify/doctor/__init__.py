"""Can this host certify?"""
