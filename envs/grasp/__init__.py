"""Grasping with six degrees of freedom: objects, a simulated gripper, a camera, demonstrations.

All of it needs the extra `grasp` (PyBullet, trimesh), except registering the environments.
"""
