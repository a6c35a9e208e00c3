"""Packages of the distribution: the folder `service` is installed as `tensorseed_service`."""

from setuptools import find_packages, setup

SERVICE = "tensorseed_service"

setup(
    packages=[
        *find_packages(include=["tensorseed", "tensorseed.*"]),
        SERVICE,
        *(f"{SERVICE}.{name}" for name in find_packages("service")),
    ],
    package_dir={SERVICE: "service"},
)
