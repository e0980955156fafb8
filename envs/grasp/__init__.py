"""Grasping with six degrees of freedom: objects, a simulated gripper, a camera, demonstrations.

What lives here needs the extra `grasp` (PyBullet, trimesh); registering the environments does not.
"""
