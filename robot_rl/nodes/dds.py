"""Keeps DDS on this machine: environment of the processes that a run starts.

LOCALHOST alone is not enough: it sends to the loopback interface only but listens on all of
them, so a host that names us as a static peer gets in. The profile below binds UDP to the
loopback interface as well, and gives shared memory segments that hold an uncompressed image. It
also does without the service that tells other participants about types: ROS does not ask it, and
its thread `dds.tls.replies` was seen to crash a process that was about to end.
"""

from __future__ import annotations

from collections.abc import Mapping
import os
from pathlib import Path
import secrets

SEGMENT_BYTES = 8_000_000
"""Shared memory of one process; messages larger than the 512 kB default are lost without it."""

OLD_NAME = frozenset({'humble', 'iron', 'jazzy'})
"""Distributions whose Fast DDS still reads FASTRTPS_DEFAULT_PROFILES_FILE."""

PROFILE = f"""<?xml version="1.0" encoding="UTF-8" ?>
<dds xmlns="http://www.eprosima.com">
  <profiles>
    <transport_descriptors>
      <transport_descriptor>
        <transport_id>loopback</transport_id>
        <type>UDPv4</type>
        <interfaceWhiteList><address>127.0.0.1</address></interfaceWhiteList>
      </transport_descriptor>
      <transport_descriptor>
        <transport_id>memory</transport_id>
        <type>SHM</type>
        <segment_size>{SEGMENT_BYTES}</segment_size>
      </transport_descriptor>
    </transport_descriptors>
    <participant profile_name="this_machine" is_default_profile="true">
      <rtps>
        <userTransports>
          <transport_id>loopback</transport_id>
          <transport_id>memory</transport_id>
        </userTransports>
        <useBuiltinTransports>false</useBuiltinTransports>
        <builtin>
          <discovery_config>
            <leaseAnnouncement><sec>0</sec><nanosec>500000000</nanosec></leaseAnnouncement>
            <initialAnnouncements>
              <count>20</count><period><sec>0</sec><nanosec>50000000</nanosec></period>
            </initialAnnouncements>
          </discovery_config>
        </builtin>
        <propertiesPolicy>
          <properties>
            <property><name>fastdds.type_propagation</name><value>disabled</value></property>
          </properties>
        </propertiesPolicy>
      </rtps>
    </participant>
  </profiles>
</dds>
"""
"""Fast DDS participant: shared memory, and UDP on the loopback interface only."""


def random_domain() -> int:
    """A domain of our own, among those whose ports stay clear of Linux's ephemeral ones."""
    return 1 + secrets.randbelow(100)


def confined(folder: Path, domain: int, base: Mapping[str, str] | None = None) -> dict[str, str]:
    """Environment whose ROS stays here, in `domain`; writes the DDS profile to `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    profile = folder / 'fastdds.xml'
    profile.write_text(PROFILE, encoding='utf-8')
    environment = dict(os.environ if base is None else base)
    environment['ROS_DOMAIN_ID'] = str(domain)
    environment['ROS_AUTOMATIC_DISCOVERY_RANGE'] = 'LOCALHOST'
    environment.pop('ROS_LOCALHOST_ONLY', None)
    renamed = environment.get('ROS_DISTRO') not in OLD_NAME
    environment[f'FAST{"DDS" if renamed else "RTPS"}_DEFAULT_PROFILES_FILE'] = str(profile)
    return environment
