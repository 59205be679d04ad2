"""The examination of a host: can it certify images?"""
