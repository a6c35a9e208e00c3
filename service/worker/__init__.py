"""service worker"""
