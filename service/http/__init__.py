"""service http"""
