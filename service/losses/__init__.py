"""service losses"""
