"""service evaluations"""
