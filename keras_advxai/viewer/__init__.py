"""The viewer: one application for the browser, with two hosts, the HTML file and the tab in TensorBoard.

It is fed with JSON and PNGs, which `document.py` makes of a report. Importing this package loads neither Keras nor
TensorFlow, and no part of it knows them.
"""
