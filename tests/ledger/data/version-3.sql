BEGIN TRANSACTION;
CREATE TABLE certify_beats (
	sweep INTEGER NOT NULL, 
	at DATETIME NOT NULL, 
	PRIMARY KEY (sweep)
);
CREATE TABLE certify_results (
	id INTEGER NOT NULL, 
	identity VARCHAR NOT NULL, 
	reference VARCHAR NOT NULL, 
	registry VARCHAR, 
	repository VARCHAR, 
	tag VARCHAR, 
	digest VARCHAR, 
	image_id VARCHAR, 
	platform VARCHAR NOT NULL, 
	profile VARCHAR NOT NULL, 
	status VARCHAR NOT NULL, 
	grade VARCHAR, 
	boot_seconds FLOAT, 
	started_at DATETIME NOT NULL, 
	finished_at DATETIME NOT NULL, 
	expires_at DATETIME NOT NULL, 
	suite_digest VARCHAR NOT NULL, 
	host_class VARCHAR NOT NULL, 
	document TEXT NOT NULL, 
	PRIMARY KEY (id)
);
INSERT INTO "certify_results" VALUES(1,'sha256:6288e1a5cc45782198a6416d1775336d71eacd0549a3e80e966e12778c1745a7','registry.example/web/alpine-00000:0.0','registry.example','web/alpine-00000','0.0','sha256:6288e1a5cc45782198a6416d1775336d71eacd0549a3e80e966e12778c1745a7','sha256:0870e15c2fcd81b5d24bace4307bf3262f1205544a5308cc3dfabc08935ddd72','linux/arm64','devspace','rejected',NULL,3.548,'2026-03-01 12:00:00.000000','2026-03-01 12:00:07.417000','2026-03-31 12:00:00.000000','sha256:5555555555555555555555555555555555555555555555555555555555555555','cgroup v2, overlay2, x86_64','{"schema": "certify/result/v1", "image": {"reference": "registry.example/web/alpine-00000:0.0", "registry": "registry.example", "repository": "web/alpine-00000", "tag": "0.0", "digest": "sha256:6288e1a5cc45782198a6416d1775336d71eacd0549a3e80e966e12778c1745a7", "manifest_digest": "sha256:6288e1a5cc45782198a6416d1775336d71eacd0549a3e80e966e12778c1745a7", "image_id": "sha256:0870e15c2fcd81b5d24bace4307bf3262f1205544a5308cc3dfabc08935ddd72", "platform": "linux/arm64", "size_bytes": 710082653, "layers": 9, "layer_digests": [], "created": "2026-02-20T10:00:00Z", "os": {"id": "alpine", "version_id": "3.22.1", "pretty_name": "Alpine Linux v3.22"}, "package_manager": "apk", "trust": "community"}, "profile": "devspace", "verdict": {"status": "rejected", "grade": null, "reasons": [{"check": "startup.provision", "text": "not so: Everything that the image lacks is installed at launch within its budget.", "remedy": "Ship what is installed at launch in the image: then nothing has to be installed.", "evidence": ""}]}, "checks": [{"id": "image.os", "title": "operating system", "group": "image", "level": "required", "outcome": "passed", "seconds": 0.155, "message": "", "evidence": "", "remedy": "", "waiver": null}, {"id": "image.platform", "title": "platform", "group": "image", "level": "info", "outcome": "passed", "seconds": 0.292, "message": "", "evidence": "", "remedy": "", "waiver": null}, {"id": "image.shell", "title": "shell", "group": "image", "level": "recommended", "outcome": "passed", "seconds": 0.581, "message": "", "evidence": "", "remedy": "", "waiver": null}], "waivers": [], "startup": {"create_seconds": null, "start_seconds": null, "boot_seconds": 3.548, "dockerd_seconds": 3.748, "provision_seconds": null, "samples": [3.548, 3.903, 3.193], "dockerd_samples": [], "provision_samples": []}, "launch": {"kind": "init", "isolation": "caps", "command": ["/sbin/init"], "missing": [], "reproduce": "docker run -d --cap-add=SYS_ADMIN registry.example/web/alpine-00000:0.0 /sbin/init"}, "log": "", "host": {"engine": "docker", "engine_version": "28.2.2", "kernel": "6.18.1", "cgroup_version": "2", "storage_driver": "overlay2", "architecture": "x86_64", "cpus": 8, "memory_bytes": 34359738368, "calibration": {"create_seconds": 0.05, "start_seconds": 0.2, "remove_seconds": 0.06}}, "suite": {"version": "0.1.0", "digest": "sha256:5555555555555555555555555555555555555555555555555555555555555555"}, "recommendation": null, "started_at": "2026-03-01T12:00:00.000Z", "finished_at": "2026-03-01T12:00:07.417Z", "expires_at": "2026-03-31T12:00:00.000Z"}');
INSERT INTO "certify_results" VALUES(2,'sha256:855c384429e821a4c74803e31ba1621582283d15a9ec0806705fca161622bd79','registry.example/games/ubuntu-00001:1.1','registry.example','games/ubuntu-00001','1.1','sha256:855c384429e821a4c74803e31ba1621582283d15a9ec0806705fca161622bd79','sha256:b410d93c4efbc8d60b21fbac78255d6807923986bb968a437d5c8dfc5eda92d8','linux/arm64','devspace','certified','native',3.257,'2026-03-01 12:00:00.000000','2026-03-01 12:00:27.650000','2026-03-31 12:00:00.000000','sha256:5555555555555555555555555555555555555555555555555555555555555555','cgroup v2, overlay2, x86_64','{"schema": "certify/result/v1", "image": {"reference": "registry.example/games/ubuntu-00001:1.1", "registry": "registry.example", "repository": "games/ubuntu-00001", "tag": "1.1", "digest": "sha256:855c384429e821a4c74803e31ba1621582283d15a9ec0806705fca161622bd79", "manifest_digest": "sha256:855c384429e821a4c74803e31ba1621582283d15a9ec0806705fca161622bd79", "image_id": "sha256:b410d93c4efbc8d60b21fbac78255d6807923986bb968a437d5c8dfc5eda92d8", "platform": "linux/arm64", "size_bytes": 641926179, "layers": 19, "layer_digests": [], "created": "2026-02-20T10:00:00Z", "os": {"id": "ubuntu", "version_id": "24.04", "pretty_name": "Ubuntu 24.04.1 LTS"}, "package_manager": "apt", "trust": "community"}, "profile": "devspace", "verdict": {"status": "certified", "grade": "native", "reasons": []}, "checks": [{"id": "image.os", "title": "operating system", "group": "image", "level": "required", "outcome": "passed", "seconds": 0.297, "message": "", "evidence": "", "remedy": "", "waiver": null}, {"id": "image.platform", "title": "platform", "group": "image", "level": "recommended", "outcome": "passed", "seconds": 0.283, "message": "", "evidence": "", "remedy": "", "waiver": null}, {"id": "image.shell", "title": "shell", "group": "image", "level": "recommended", "outcome": "passed", "seconds": 0.473, "message": "", "evidence": "", "remedy": "", "waiver": null}], "waivers": [], "startup": {"create_seconds": null, "start_seconds": null, "boot_seconds": 3.257, "dockerd_seconds": 3.457, "provision_seconds": null, "samples": [3.257, 3.583, 2.931], "dockerd_samples": [], "provision_samples": []}, "launch": {"kind": "init", "isolation": "caps", "command": ["/sbin/init"], "missing": [], "reproduce": "docker run -d --cap-add=SYS_ADMIN registry.example/games/ubuntu-00001:1.1 /sbin/init"}, "log": "", "host": {"engine": "docker", "engine_version": "28.2.2", "kernel": "6.18.1", "cgroup_version": "2", "storage_driver": "overlay2", "architecture": "x86_64", "cpus": 8, "memory_bytes": 34359738368, "calibration": {"create_seconds": 0.05, "start_seconds": 0.2, "remove_seconds": 0.06}}, "suite": {"version": "0.1.0", "digest": "sha256:5555555555555555555555555555555555555555555555555555555555555555"}, "recommendation": null, "started_at": "2026-03-01T12:00:00.000Z", "finished_at": "2026-03-01T12:00:27.650Z", "expires_at": "2026-03-31T12:00:00.000Z"}');
INSERT INTO "certify_results" VALUES(3,'sha256:c5e2486c44a4a8f69dc8db48e86ec9c6e06f291b2a838af8d5c44a4eb3172062','registry.example/games/debian-00002:2.2','registry.example','games/debian-00002','2.2','sha256:c5e2486c44a4a8f69dc8db48e86ec9c6e06f291b2a838af8d5c44a4eb3172062','sha256:8feb994a81167346d4c0dca8b4c9e755cc9c3adcf515a8234da4daeb4f3f8777','linux/arm64','devspace','certified','on-launch',1.812,'2026-03-01 12:00:00.000000','2026-03-01 12:00:12.273000','2026-03-31 12:00:00.000000','sha256:5555555555555555555555555555555555555555555555555555555555555555','cgroup v2, overlay2, x86_64','{"schema": "certify/result/v1", "image": {"reference": "registry.example/games/debian-00002:2.2", "registry": "registry.example", "repository": "games/debian-00002", "tag": "2.2", "digest": "sha256:c5e2486c44a4a8f69dc8db48e86ec9c6e06f291b2a838af8d5c44a4eb3172062", "manifest_digest": "sha256:c5e2486c44a4a8f69dc8db48e86ec9c6e06f291b2a838af8d5c44a4eb3172062", "image_id": "sha256:8feb994a81167346d4c0dca8b4c9e755cc9c3adcf515a8234da4daeb4f3f8777", "platform": "linux/arm64", "size_bytes": 549770103, "layers": 19, "layer_digests": [], "created": "2026-02-20T10:00:00Z", "os": {"id": "debian", "version_id": "12", "pretty_name": "Debian GNU/Linux 12 (bookworm)"}, "package_manager": "apt", "trust": "community"}, "profile": "devspace", "verdict": {"status": "certified", "grade": "on-launch", "reasons": []}, "checks": [{"id": "image.os", "title": "operating system", "group": "image", "level": "info", "outcome": "passed", "seconds": 0.485, "message": "", "evidence": "", "remedy": "", "waiver": null}, {"id": "image.platform", "title": "platform", "group": "image", "level": "recommended", "outcome": "passed", "seconds": 0.151, "message": "", "evidence": "", "remedy": "", "waiver": null}, {"id": "image.shell", "title": "shell", "group": "image", "level": "required", "outcome": "passed", "seconds": 0.364, "message": "", "evidence": "", "remedy": "", "waiver": null}], "waivers": [], "startup": {"create_seconds": null, "start_seconds": null, "boot_seconds": 1.812, "dockerd_seconds": 2.012, "provision_seconds": 24.9, "samples": [1.812, 1.993, 1.631], "dockerd_samples": [], "provision_samples": []}, "launch": {"kind": "init", "isolation": "caps", "command": ["/sbin/init"], "missing": [], "reproduce": "docker run -d --cap-add=SYS_ADMIN registry.example/games/debian-00002:2.2 /sbin/init"}, "log": "", "host": {"engine": "docker", "engine_version": "28.2.2", "kernel": "6.18.1", "cgroup_version": "2", "storage_driver": "overlay2", "architecture": "x86_64", "cpus": 8, "memory_bytes": 34359738368, "calibration": {"create_seconds": 0.05, "start_seconds": 0.2, "remove_seconds": 0.06}}, "suite": {"version": "0.1.0", "digest": "sha256:5555555555555555555555555555555555555555555555555555555555555555"}, "recommendation": null, "started_at": "2026-03-01T12:00:00.000Z", "finished_at": "2026-03-01T12:00:12.273Z", "expires_at": "2026-03-31T12:00:00.000Z"}');
CREATE TABLE certify_revocations (
	id INTEGER NOT NULL, 
	digest VARCHAR NOT NULL, 
	reference VARCHAR NOT NULL, 
	reason TEXT NOT NULL, 
	revoked_at DATETIME NOT NULL, 
	lifted_at DATETIME, 
	lifted_because TEXT, 
	PRIMARY KEY (id)
);
INSERT INTO "certify_revocations" VALUES(1,'sha256:1111111111111111111111111111111111111111111111111111111111111111','app:1','a miner','2026-11-28 12:13:02.602203',NULL,NULL);
CREATE TABLE certify_schema (
	version INTEGER NOT NULL, 
	PRIMARY KEY (version)
);
INSERT INTO "certify_schema" VALUES(3);
CREATE TABLE certify_sweeps (
	id INTEGER NOT NULL, 
	source VARCHAR NOT NULL, 
	owner VARCHAR NOT NULL, 
	started_at DATETIME NOT NULL, 
	finished_at DATETIME, 
	PRIMARY KEY (id)
);
CREATE TABLE certify_swept (
	sweep INTEGER NOT NULL, 
	reference VARCHAR NOT NULL, 
	platform VARCHAR NOT NULL, 
	profile VARCHAR NOT NULL, 
	identity VARCHAR NOT NULL, 
	status VARCHAR NOT NULL, 
	grade VARCHAR, 
	boot_seconds FLOAT, 
	cause VARCHAR NOT NULL, 
	PRIMARY KEY (sweep, reference, platform, profile), 
	FOREIGN KEY(sweep) REFERENCES certify_sweeps (id)
);
CREATE INDEX certify_by_digest ON certify_results (digest);
CREATE INDEX certify_by_expiry ON certify_results (expires_at);
CREATE INDEX certify_by_identity ON certify_results (identity, platform, profile, finished_at);
CREATE INDEX certify_by_image_id ON certify_results (image_id);
CREATE INDEX certify_by_reference ON certify_results (reference, platform, profile, finished_at);
CREATE INDEX certify_by_repository ON certify_results (registry, repository, tag);
CREATE INDEX certify_by_status ON certify_results (status, grade);
CREATE INDEX certify_by_suite ON certify_results (suite_digest);
COMMIT;
