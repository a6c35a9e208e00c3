"""service weights"""
