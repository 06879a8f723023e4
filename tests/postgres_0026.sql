-- What alcore made on PostgreSQL at revision 0026, the first there; never changed.
CREATE TABLE project (
  id BIGSERIAL NOT NULL,
  name VARCHAR COLLATE "C" NOT NULL,
  settings JSON NOT NULL,
  version BIGINT DEFAULT '1' NOT NULL,
  state VARCHAR COLLATE "C" NOT NULL,
  source JSON NOT NULL,
  known_classes VARCHAR COLLATE "C" NOT NULL,
  channels BIGINT DEFAULT '3' NOT NULL,
  ranking BIGINT DEFAULT '0' NOT NULL,
  ranked_by BIGINT,
  head_labels BIGINT,
  created_at FLOAT NOT NULL,
  archived_at FLOAT,
  deleted_at FLOAT,
  CONSTRAINT pk_project PRIMARY KEY (id),
  CONSTRAINT uq_project_name UNIQUE (name)
);
CREATE TABLE annotator (
  id BIGSERIAL NOT NULL,
  name VARCHAR COLLATE "C" NOT NULL,
  active BOOLEAN DEFAULT '1' NOT NULL,
  created_at FLOAT NOT NULL,
  subject VARCHAR COLLATE "C",
  administrator BOOLEAN DEFAULT '0' NOT NULL,
  CONSTRAINT pk_annotator PRIMARY KEY (id),
  CONSTRAINT uq_annotator_name UNIQUE (name)
);
CREATE UNIQUE INDEX uq_annotator_subject ON annotator (subject);
CREATE TABLE experiment (
  id BIGSERIAL NOT NULL,
  name VARCHAR COLLATE "C" NOT NULL,
  design JSON NOT NULL,
  paused BOOLEAN DEFAULT '0' NOT NULL,
  driver VARCHAR COLLATE "C",
  beat_at FLOAT,
  created_at FLOAT NOT NULL,
  error TEXT COLLATE "C",
  CONSTRAINT pk_experiment PRIMARY KEY (id),
  CONSTRAINT uq_experiment_name UNIQUE (name)
);
CREATE TABLE project_class (
  id BIGSERIAL NOT NULL,
  project_id BIGINT NOT NULL,
  name VARCHAR COLLATE "C" NOT NULL,
  position BIGINT NOT NULL,
  created_at FLOAT NOT NULL,
  description VARCHAR COLLATE "C" DEFAULT '' NOT NULL,
  gone_at FLOAT,
  gone_name VARCHAR COLLATE "C",
  merged_into BIGINT,
  CONSTRAINT pk_project_class PRIMARY KEY (id),
  CONSTRAINT uq_project_class_project_id_name UNIQUE (project_id, name),
  CONSTRAINT uq_project_class_project_id_position UNIQUE (project_id, position),
  CONSTRAINT fk_project_class_project_id FOREIGN KEY(project_id) REFERENCES project (id)
);
CREATE TABLE class_event (
  id BIGSERIAL NOT NULL,
  project_id BIGINT NOT NULL,
  annotator_id BIGINT,
  created_at FLOAT NOT NULL,
  kind VARCHAR COLLATE "C" NOT NULL,
  details JSON NOT NULL,
  before JSON NOT NULL,
  after JSON NOT NULL,
  undoes BIGINT,
  CONSTRAINT pk_class_event PRIMARY KEY (id),
  CONSTRAINT fk_class_event_project_id FOREIGN KEY(project_id) REFERENCES project (id),
  CONSTRAINT fk_class_event_annotator_id FOREIGN KEY(annotator_id) REFERENCES annotator (id),
  CONSTRAINT uq_class_event_undoes UNIQUE (undoes),
  CONSTRAINT fk_class_event_undoes FOREIGN KEY(undoes) REFERENCES class_event (id)
);
CREATE INDEX ix_class_event_project ON class_event (project_id, id);
CREATE TABLE snapshot (
  id BIGSERIAL NOT NULL,
  project_id BIGINT NOT NULL,
  name VARCHAR COLLATE "C" NOT NULL,
  revision VARCHAR COLLATE "C" NOT NULL,
  labels BIGINT NOT NULL,
  last_event BIGINT NOT NULL,
  annotator_id BIGINT,
  created_at FLOAT NOT NULL,
  format BIGINT NOT NULL,
  rows BYTEA NOT NULL,
  CONSTRAINT pk_snapshot PRIMARY KEY (id),
  CONSTRAINT uq_snapshot_project_id_name UNIQUE (project_id, name),
  CONSTRAINT fk_snapshot_project_id FOREIGN KEY(project_id) REFERENCES project (id),
  CONSTRAINT fk_snapshot_annotator_id FOREIGN KEY(annotator_id) REFERENCES annotator (id)
);
CREATE TABLE skipped_file (
  id BIGSERIAL NOT NULL,
  project_id BIGINT NOT NULL,
  name VARCHAR COLLATE "C" NOT NULL,
  reason VARCHAR COLLATE "C" NOT NULL,
  CONSTRAINT pk_skipped_file PRIMARY KEY (id),
  CONSTRAINT uq_skipped_file_project_id_name UNIQUE (project_id, name),
  CONSTRAINT fk_skipped_file_project_id FOREIGN KEY(project_id) REFERENCES project (id)
);
CREATE TABLE addition (
  id BIGSERIAL NOT NULL,
  project_id BIGINT NOT NULL,
  source JSON NOT NULL,
  prefix VARCHAR COLLATE "C" NOT NULL,
  created_at FLOAT NOT NULL,
  finished_at FLOAT,
  images BIGINT DEFAULT '0' NOT NULL,
  CONSTRAINT pk_addition PRIMARY KEY (id),
  CONSTRAINT uq_addition_project_id_prefix UNIQUE (project_id, prefix),
  CONSTRAINT fk_addition_project_id FOREIGN KEY(project_id) REFERENCES project (id)
);
CREATE TABLE member (
  project_id BIGINT NOT NULL,
  annotator_id BIGINT NOT NULL,
  role VARCHAR COLLATE "C" NOT NULL,
  joined_at FLOAT NOT NULL,
  seen_at FLOAT NOT NULL,
  CONSTRAINT pk_member PRIMARY KEY (project_id, annotator_id),
  CONSTRAINT ck_member_role CHECK (role in ('owner', 'annotator', 'removed')),
  CONSTRAINT fk_member_project_id FOREIGN KEY(project_id) REFERENCES project (id),
  CONSTRAINT fk_member_annotator_id FOREIGN KEY(annotator_id) REFERENCES annotator (id)
);
CREATE TABLE item_count (
  project_id BIGINT NOT NULL,
  split VARCHAR COLLATE "C" NOT NULL,
  total BIGINT NOT NULL,
  CONSTRAINT pk_item_count PRIMARY KEY (project_id, split),
  CONSTRAINT fk_item_count_project_id FOREIGN KEY(project_id) REFERENCES project (id)
);
CREATE TABLE answer_count (
  project_id BIGINT NOT NULL,
  split VARCHAR COLLATE "C" NOT NULL,
  class_id BIGINT NOT NULL,
  total BIGINT NOT NULL,
  CONSTRAINT pk_answer_count PRIMARY KEY (project_id, split, class_id),
  CONSTRAINT fk_answer_count_project_id FOREIGN KEY(project_id) REFERENCES project (id)
);
CREATE TABLE work (
  project_id BIGINT NOT NULL,
  annotator_id BIGINT NOT NULL,
  labels BIGINT NOT NULL,
  skipped BIGINT NOT NULL,
  unsure BIGINT NOT NULL,
  undone BIGINT NOT NULL,
  last_at FLOAT NOT NULL,
  CONSTRAINT pk_work PRIMARY KEY (project_id, annotator_id),
  CONSTRAINT fk_work_project_id FOREIGN KEY(project_id) REFERENCES project (id),
  CONSTRAINT fk_work_annotator_id FOREIGN KEY(annotator_id) REFERENCES annotator (id)
);
CREATE TABLE work_time (
  project_id BIGINT NOT NULL,
  quarter BIGINT NOT NULL,
  annotator_id BIGINT NOT NULL,
  labels BIGINT NOT NULL,
  CONSTRAINT pk_work_time PRIMARY KEY (project_id, quarter, annotator_id),
  CONSTRAINT fk_work_time_project_id FOREIGN KEY(project_id) REFERENCES project (id),
  CONSTRAINT fk_work_time_annotator_id FOREIGN KEY(annotator_id) REFERENCES annotator (id)
);
CREATE TABLE label_import (
  id BIGSERIAL NOT NULL,
  project_id BIGINT NOT NULL,
  key VARCHAR COLLATE "C" NOT NULL,
  use VARCHAR COLLATE "C" NOT NULL,
  class_ids JSON DEFAULT '[]' NOT NULL,
  created_at FLOAT NOT NULL,
  accepted_at FLOAT,
  finished_at FLOAT,
  CONSTRAINT pk_label_import PRIMARY KEY (id),
  CONSTRAINT ck_label_import_use CHECK (use in ('labels', 'answer key')),
  CONSTRAINT fk_label_import_project_id FOREIGN KEY(project_id) REFERENCES project (id),
  CONSTRAINT uq_label_import_key UNIQUE (key)
);
CREATE INDEX ix_label_import_project ON label_import (project_id, id);
CREATE TABLE round (
  id BIGSERIAL NOT NULL,
  project_id BIGINT NOT NULL,
  number BIGINT NOT NULL,
  created_at FLOAT NOT NULL,
  last_event BIGINT NOT NULL,
  labels BIGINT NOT NULL,
  summary JSON NOT NULL,
  CONSTRAINT pk_round PRIMARY KEY (id),
  CONSTRAINT uq_round_project_id_number UNIQUE (project_id, number),
  CONSTRAINT fk_round_project_id FOREIGN KEY(project_id) REFERENCES project (id)
);
CREATE TABLE pretrained (
  id BIGSERIAL NOT NULL,
  project_id BIGINT NOT NULL,
  number BIGINT NOT NULL,
  created_at FLOAT NOT NULL,
  about JSON NOT NULL,
  CONSTRAINT pk_pretrained PRIMARY KEY (id),
  CONSTRAINT uq_pretrained_project_id_number UNIQUE (project_id, number),
  CONSTRAINT fk_pretrained_project_id FOREIGN KEY(project_id) REFERENCES project (id)
);
CREATE TABLE calibration (
  project_id BIGINT NOT NULL,
  recipe VARCHAR COLLATE "C" NOT NULL,
  temperature FLOAT NOT NULL,
  labels BIGINT NOT NULL,
  created_at FLOAT NOT NULL,
  of_labels BIGINT DEFAULT '0' NOT NULL,
  shares JSON DEFAULT '[]' NOT NULL,
  CONSTRAINT pk_calibration PRIMARY KEY (project_id, recipe),
  CONSTRAINT fk_calibration_project_id FOREIGN KEY(project_id) REFERENCES project (id)
);
CREATE TABLE baseline_point (
  project_id BIGINT NOT NULL,
  learner VARCHAR COLLATE "C" NOT NULL,
  trial BIGINT NOT NULL,
  labels BIGINT NOT NULL,
  evaluation JSON NOT NULL,
  seconds FLOAT NOT NULL,
  created_at FLOAT NOT NULL,
  CONSTRAINT pk_baseline_point PRIMARY KEY (project_id, learner, trial, labels),
  CONSTRAINT fk_baseline_point_project_id FOREIGN KEY(project_id) REFERENCES project (id)
);
CREATE TABLE job (
  id BIGSERIAL NOT NULL,
  project_id BIGINT NOT NULL,
  kind VARCHAR COLLATE "C" NOT NULL,
  state VARCHAR COLLATE "C" NOT NULL,
  args JSON NOT NULL,
  attempt BIGINT DEFAULT '0' NOT NULL,
  failures BIGINT DEFAULT '0' NOT NULL,
  worker VARCHAR COLLATE "C",
  phase VARCHAR COLLATE "C" DEFAULT '' NOT NULL,
  progress FLOAT DEFAULT '0' NOT NULL,
  error TEXT COLLATE "C",
  traceback TEXT COLLATE "C",
  cancel_requested BOOLEAN DEFAULT '0' NOT NULL,
  not_before FLOAT NOT NULL,
  created_at FLOAT NOT NULL,
  started_at FLOAT,
  heartbeat_at FLOAT,
  finished_at FLOAT,
  CONSTRAINT pk_job PRIMARY KEY (id),
  CONSTRAINT fk_job_project_id FOREIGN KEY(project_id) REFERENCES project (id)
);
CREATE INDEX ix_job_project ON job (project_id, kind, id);
CREATE INDEX ix_job_state ON job (state, not_before);
CREATE UNIQUE INDEX uq_job_waiting ON job (project_id, kind) WHERE state = 'waiting';
CREATE UNIQUE INDEX uq_job_running ON job (project_id, kind) WHERE state = 'running';
CREATE TABLE invitation (
  id BIGSERIAL NOT NULL,
  project_id BIGINT NOT NULL,
  annotator_id BIGINT,
  note TEXT COLLATE "C" NOT NULL,
  created_at FLOAT NOT NULL,
  expires_at FLOAT NOT NULL,
  revoked_at FLOAT,
  joined BIGINT DEFAULT '0' NOT NULL,
  CONSTRAINT pk_invitation PRIMARY KEY (id),
  CONSTRAINT fk_invitation_project_id FOREIGN KEY(project_id) REFERENCES project (id),
  CONSTRAINT fk_invitation_annotator_id FOREIGN KEY(annotator_id) REFERENCES annotator (id)
);
CREATE INDEX ix_invitation_project ON invitation (project_id, id);
CREATE TABLE api_token (
  id BIGSERIAL NOT NULL,
  project_id BIGINT NOT NULL,
  annotator_id BIGINT NOT NULL,
  name VARCHAR COLLATE "C" NOT NULL,
  scope VARCHAR COLLATE "C" NOT NULL,
  digest VARCHAR COLLATE "C" NOT NULL,
  created_at FLOAT NOT NULL,
  used_at FLOAT,
  revoked_at FLOAT,
  CONSTRAINT pk_api_token PRIMARY KEY (id),
  CONSTRAINT ck_api_token_scope CHECK (scope in ('read', 'label', 'own')),
  CONSTRAINT fk_api_token_project_id FOREIGN KEY(project_id) REFERENCES project (id),
  CONSTRAINT fk_api_token_annotator_id FOREIGN KEY(annotator_id) REFERENCES annotator (id)
);
CREATE INDEX ix_api_token_project ON api_token (project_id, id);
CREATE TABLE webhook (
  id BIGSERIAL NOT NULL,
  project_id BIGINT NOT NULL,
  annotator_id BIGINT,
  address VARCHAR COLLATE "C" NOT NULL,
  secret VARCHAR COLLATE "C" NOT NULL,
  events JSON NOT NULL,
  created_at FLOAT NOT NULL,
  removed_at FLOAT,
  CONSTRAINT pk_webhook PRIMARY KEY (id),
  CONSTRAINT fk_webhook_project_id FOREIGN KEY(project_id) REFERENCES project (id),
  CONSTRAINT fk_webhook_annotator_id FOREIGN KEY(annotator_id) REFERENCES annotator (id)
);
CREATE INDEX ix_webhook_project ON webhook (project_id, id);
CREATE TABLE audit_event (
  id BIGSERIAL NOT NULL,
  project_id BIGINT,
  annotator_id BIGINT,
  created_at FLOAT NOT NULL,
  act VARCHAR COLLATE "C" NOT NULL,
  details JSON NOT NULL,
  CONSTRAINT pk_audit_event PRIMARY KEY (id),
  CONSTRAINT fk_audit_event_project_id FOREIGN KEY(project_id) REFERENCES project (id),
  CONSTRAINT fk_audit_event_annotator_id FOREIGN KEY(annotator_id) REFERENCES annotator (id)
);
CREATE INDEX ix_audit_event_project ON audit_event (project_id, id);
CREATE TABLE selection (
  id BIGSERIAL NOT NULL,
  project_id BIGINT NOT NULL,
  annotator_id BIGINT NOT NULL,
  item_ids JSON NOT NULL,
  size BIGINT NOT NULL,
  created_at FLOAT NOT NULL,
  CONSTRAINT pk_selection PRIMARY KEY (id),
  CONSTRAINT fk_selection_project_id FOREIGN KEY(project_id) REFERENCES project (id),
  CONSTRAINT fk_selection_annotator_id FOREIGN KEY(annotator_id) REFERENCES annotator (id)
);
CREATE INDEX ix_selection_project ON selection (project_id, annotator_id, id);
CREATE TABLE metadata_column (
  id BIGSERIAL NOT NULL,
  project_id BIGINT NOT NULL,
  name VARCHAR COLLATE "C" NOT NULL,
  kind VARCHAR COLLATE "C" NOT NULL,
  origin VARCHAR COLLATE "C" NOT NULL,
  pattern VARCHAR COLLATE "C" DEFAULT '' NOT NULL,
  last_item BIGINT DEFAULT '0' NOT NULL,
  accepted BOOLEAN DEFAULT '0' NOT NULL,
  grouping BOOLEAN DEFAULT '0' NOT NULL,
  created_at FLOAT NOT NULL,
  CONSTRAINT pk_metadata_column PRIMARY KEY (id),
  CONSTRAINT ck_metadata_column_kind CHECK (kind in ('text', 'number', 'date')),
  CONSTRAINT ck_metadata_column_origin CHECK (origin in ('table', 'path', 'exif')),
  CONSTRAINT fk_metadata_column_project_id FOREIGN KEY(project_id) REFERENCES project (id)
);
CREATE INDEX ix_metadata_column_project ON metadata_column (project_id, id);
CREATE UNIQUE INDEX uq_metadata_column_name ON metadata_column (project_id, name) WHERE accepted;
CREATE TABLE metadata_text (
  id BIGSERIAL NOT NULL,
  project_id BIGINT NOT NULL,
  text VARCHAR COLLATE "C" NOT NULL,
  CONSTRAINT pk_metadata_text PRIMARY KEY (id),
  CONSTRAINT uq_metadata_text_project_id_text UNIQUE (project_id, text),
  CONSTRAINT fk_metadata_text_project_id FOREIGN KEY(project_id) REFERENCES project (id)
);
CREATE TABLE session (
  id BIGSERIAL NOT NULL,
  project_id BIGINT NOT NULL,
  annotator_id BIGINT,
  code VARCHAR COLLATE "C" NOT NULL,
  minutes BIGINT NOT NULL,
  locked BOOLEAN DEFAULT '0' NOT NULL,
  created_at FLOAT NOT NULL,
  starts_at FLOAT,
  ends_at FLOAT,
  CONSTRAINT pk_session PRIMARY KEY (id),
  CONSTRAINT fk_session_project_id FOREIGN KEY(project_id) REFERENCES project (id),
  CONSTRAINT fk_session_annotator_id FOREIGN KEY(annotator_id) REFERENCES annotator (id),
  CONSTRAINT uq_session_code UNIQUE (code)
);
CREATE INDEX ix_session_project ON session (project_id, id);
CREATE TABLE simulated_point (
  project_id BIGINT NOT NULL,
  learner VARCHAR COLLATE "C" NOT NULL,
  strategy VARCHAR COLLATE "C" NOT NULL,
  labels BIGINT NOT NULL,
  accuracy FLOAT,
  batch JSON NOT NULL,
  created_at FLOAT NOT NULL,
  CONSTRAINT pk_simulated_point PRIMARY KEY (project_id, learner, strategy, labels),
  CONSTRAINT fk_simulated_point_project_id FOREIGN KEY(project_id) REFERENCES project (id)
);
CREATE TABLE experiment_run (
  id BIGSERIAL NOT NULL,
  experiment_id BIGINT NOT NULL,
  cell VARCHAR COLLATE "C" NOT NULL,
  trial BIGINT NOT NULL,
  place BIGINT NOT NULL,
  spec JSON NOT NULL,
  planned BIGINT NOT NULL,
  finished BIGINT DEFAULT '0' NOT NULL,
  error TEXT COLLATE "C",
  CONSTRAINT pk_experiment_run PRIMARY KEY (id),
  CONSTRAINT uq_experiment_run_experiment_id_cell_trial UNIQUE (experiment_id, cell, trial),
  CONSTRAINT fk_experiment_run_experiment_id FOREIGN KEY(experiment_id) REFERENCES experiment (id)
);
CREATE TABLE item (
  id BIGSERIAL NOT NULL,
  project_id BIGINT NOT NULL,
  position BIGINT NOT NULL,
  name VARCHAR COLLATE "C" NOT NULL,
  content_hash VARCHAR COLLATE "C" NOT NULL,
  width BIGINT NOT NULL,
  height BIGINT NOT NULL,
  split VARCHAR COLLATE "C" NOT NULL,
  true_class BIGINT,
  "offset" BIGINT,
  length BIGINT,
  path VARCHAR COLLATE "C",
  answers BIGINT DEFAULT '1' NOT NULL,
  CONSTRAINT pk_item PRIMARY KEY (id),
  CONSTRAINT uq_item_project_id_position UNIQUE (project_id, position),
  CONSTRAINT uq_item_project_id_content_hash UNIQUE (project_id, content_hash),
  CONSTRAINT ck_item_split CHECK (split in ('pool', 'holdout')),
  CONSTRAINT fk_item_project_id FOREIGN KEY(project_id) REFERENCES project (id),
  CONSTRAINT fk_item_true_class FOREIGN KEY(true_class) REFERENCES project_class (id)
);
CREATE INDEX ix_item_split ON item (project_id, split, position);
CREATE INDEX ix_item_answers ON item (project_id, id) WHERE answers > 1;
CREATE TABLE delivery (
  id BIGSERIAL NOT NULL,
  webhook_id BIGINT NOT NULL,
  event VARCHAR COLLATE "C" NOT NULL,
  body JSON NOT NULL,
  state VARCHAR COLLATE "C" DEFAULT 'waiting' NOT NULL,
  tries BIGINT DEFAULT '0' NOT NULL,
  error TEXT COLLATE "C",
  created_at FLOAT NOT NULL,
  due_at FLOAT NOT NULL,
  CONSTRAINT pk_delivery PRIMARY KEY (id),
  CONSTRAINT ck_delivery_state CHECK (state in ('waiting', 'done', 'failed')),
  CONSTRAINT fk_delivery_webhook_id FOREIGN KEY(webhook_id) REFERENCES webhook (id)
);
CREATE INDEX ix_delivery_due ON delivery (due_at) WHERE state = 'waiting';
CREATE INDEX ix_delivery_webhook ON delivery (webhook_id, id);
CREATE TABLE completion (
  id BIGSERIAL NOT NULL,
  project_id BIGINT NOT NULL,
  round_id BIGINT,
  source VARCHAR COLLATE "C" DEFAULT '' NOT NULL,
  precision FLOAT,
  threshold FLOAT,
  expected FLOAT,
  images BIGINT NOT NULL,
  annotator_id BIGINT,
  created_at FLOAT NOT NULL,
  drawn_at FLOAT,
  written_at FLOAT,
  withdrawn_at FLOAT,
  "right" BIGINT,
  CONSTRAINT pk_completion PRIMARY KEY (id),
  CONSTRAINT fk_completion_project_id FOREIGN KEY(project_id) REFERENCES project (id),
  CONSTRAINT fk_completion_round_id FOREIGN KEY(round_id) REFERENCES round (id),
  CONSTRAINT fk_completion_annotator_id FOREIGN KEY(annotator_id) REFERENCES annotator (id)
);
CREATE UNIQUE INDEX uq_completion_open ON completion (project_id) WHERE written_at IS NULL AND withdrawn_at IS NULL;
CREATE INDEX ix_completion_project ON completion (project_id, id);
CREATE TABLE session_group (
  id BIGSERIAL NOT NULL,
  session_id BIGINT NOT NULL,
  project_id BIGINT NOT NULL,
  name VARCHAR COLLATE "C" NOT NULL,
  strategy VARCHAR COLLATE "C" NOT NULL,
  CONSTRAINT pk_session_group PRIMARY KEY (id),
  CONSTRAINT fk_session_group_session_id FOREIGN KEY(session_id) REFERENCES session (id),
  CONSTRAINT uq_session_group_project_id UNIQUE (project_id),
  CONSTRAINT fk_session_group_project_id FOREIGN KEY(project_id) REFERENCES project (id)
);
CREATE INDEX ix_session_group_session ON session_group (session_id, id);
CREATE TABLE student (
  annotator_id BIGINT NOT NULL,
  session_id BIGINT NOT NULL,
  project_id BIGINT NOT NULL,
  name VARCHAR COLLATE "C" NOT NULL,
  joined_at FLOAT NOT NULL,
  removed_at FLOAT,
  CONSTRAINT pk_student PRIMARY KEY (annotator_id),
  CONSTRAINT fk_student_annotator_id FOREIGN KEY(annotator_id) REFERENCES annotator (id),
  CONSTRAINT fk_student_session_id FOREIGN KEY(session_id) REFERENCES session (id),
  CONSTRAINT fk_student_project_id FOREIGN KEY(project_id) REFERENCES project (id)
);
CREATE INDEX ix_student_project ON student (project_id);
CREATE INDEX ix_student_session ON student (session_id, joined_at);
CREATE TABLE guess (
  id BIGSERIAL NOT NULL,
  project_id BIGINT NOT NULL,
  session_id BIGINT NOT NULL,
  position BIGINT NOT NULL,
  asked_at FLOAT NOT NULL,
  shown_at FLOAT,
  closed_at FLOAT,
  bars JSON DEFAULT '{}' NOT NULL,
  CONSTRAINT pk_guess PRIMARY KEY (id),
  CONSTRAINT fk_guess_project_id FOREIGN KEY(project_id) REFERENCES project (id),
  CONSTRAINT fk_guess_session_id FOREIGN KEY(session_id) REFERENCES session (id)
);
CREATE INDEX ix_guess_session ON guess (session_id, id);
CREATE TABLE experiment_round (
  run_id BIGINT NOT NULL,
  number BIGINT NOT NULL,
  created_at FLOAT NOT NULL,
  labels BIGINT NOT NULL,
  answers BIGINT NOT NULL,
  minutes FLOAT NOT NULL,
  accuracy FLOAT NOT NULL,
  seconds FLOAT NOT NULL,
  summary JSON NOT NULL,
  arrays BYTEA NOT NULL,
  CONSTRAINT pk_experiment_round PRIMARY KEY (run_id, number),
  CONSTRAINT fk_experiment_round_run_id FOREIGN KEY(run_id) REFERENCES experiment_run (id)
);
CREATE TABLE label_event (
  id BIGSERIAL NOT NULL,
  project_id BIGINT NOT NULL,
  item_id BIGINT NOT NULL,
  annotator_id BIGINT NOT NULL,
  kind VARCHAR COLLATE "C" NOT NULL,
  class_id BIGINT,
  undoes BIGINT,
  key VARCHAR COLLATE "C" NOT NULL,
  token VARCHAR COLLATE "C",
  client_time FLOAT,
  created_at FLOAT NOT NULL,
  seconds FLOAT,
  origin VARCHAR COLLATE "C" NOT NULL,
  round_id BIGINT,
  suggestion_shown BOOLEAN DEFAULT '0' NOT NULL,
  head_labels BIGINT,
  note VARCHAR COLLATE "C",
  suggested_class BIGINT,
  suggested_by BIGINT,
  explanation_shown BOOLEAN DEFAULT '0' NOT NULL,
  CONSTRAINT pk_label_event PRIMARY KEY (id),
  CONSTRAINT ck_label_event_kind CHECK (kind in ('label', 'skip', 'unsure', 'undo', 'import')),
  CONSTRAINT ck_label_event_class CHECK ((kind in ('label', 'import')) = (class_id is not null)),
  CONSTRAINT ck_label_event_undo CHECK ((kind = 'undo') = (undoes is not null)),
  CONSTRAINT fk_label_event_project_id FOREIGN KEY(project_id) REFERENCES project (id),
  CONSTRAINT fk_label_event_item_id FOREIGN KEY(item_id) REFERENCES item (id),
  CONSTRAINT fk_label_event_annotator_id FOREIGN KEY(annotator_id) REFERENCES annotator (id),
  CONSTRAINT fk_label_event_class_id FOREIGN KEY(class_id) REFERENCES project_class (id),
  CONSTRAINT uq_label_event_undoes UNIQUE (undoes),
  CONSTRAINT fk_label_event_undoes FOREIGN KEY(undoes) REFERENCES label_event (id),
  CONSTRAINT uq_label_event_key UNIQUE (key),
  CONSTRAINT fk_label_event_round_id FOREIGN KEY(round_id) REFERENCES round (id),
  CONSTRAINT fk_label_event_suggested_class FOREIGN KEY(suggested_class) REFERENCES project_class (id)
);
CREATE INDEX ix_label_event_seconds ON label_event (project_id, id, seconds) WHERE seconds IS NOT NULL;
CREATE INDEX ix_label_event_withdrawal ON label_event (project_id, id, item_id) WHERE kind IN ('undo', 'unsure');
CREATE INDEX ix_label_event_item ON label_event (item_id, id);
CREATE INDEX ix_label_event_project ON label_event (project_id, id);
CREATE INDEX ix_label_event_annotator ON label_event (annotator_id, project_id, id);
CREATE INDEX ix_label_event_time ON label_event (project_id, kind, created_at, annotator_id);
CREATE TABLE gold (
  item_id BIGINT NOT NULL,
  project_id BIGINT NOT NULL,
  class_id BIGINT NOT NULL,
  suggestion JSON,
  created_at FLOAT NOT NULL,
  CONSTRAINT pk_gold PRIMARY KEY (item_id),
  CONSTRAINT fk_gold_item_id FOREIGN KEY(item_id) REFERENCES item (id),
  CONSTRAINT fk_gold_project_id FOREIGN KEY(project_id) REFERENCES project (id),
  CONSTRAINT fk_gold_class_id FOREIGN KEY(class_id) REFERENCES project_class (id)
);
CREATE INDEX ix_gold_project ON gold (project_id);
CREATE TABLE comment (
  id BIGSERIAL NOT NULL,
  project_id BIGINT NOT NULL,
  item_id BIGINT NOT NULL,
  annotator_id BIGINT NOT NULL,
  key VARCHAR COLLATE "C" NOT NULL,
  text VARCHAR COLLATE "C" NOT NULL,
  created_at FLOAT NOT NULL,
  CONSTRAINT pk_comment PRIMARY KEY (id),
  CONSTRAINT fk_comment_project_id FOREIGN KEY(project_id) REFERENCES project (id),
  CONSTRAINT fk_comment_item_id FOREIGN KEY(item_id) REFERENCES item (id),
  CONSTRAINT fk_comment_annotator_id FOREIGN KEY(annotator_id) REFERENCES annotator (id),
  CONSTRAINT uq_comment_key UNIQUE (key)
);
CREATE INDEX ix_comment_project ON comment (project_id, item_id);
CREATE INDEX ix_comment_item ON comment (item_id, id);
CREATE TABLE example (
  id BIGSERIAL NOT NULL,
  project_id BIGINT NOT NULL,
  class_id BIGINT NOT NULL,
  item_id BIGINT,
  name VARCHAR COLLATE "C" NOT NULL,
  pixels BYTEA,
  mime VARCHAR COLLATE "C",
  annotator_id BIGINT NOT NULL,
  created_at FLOAT NOT NULL,
  CONSTRAINT pk_example PRIMARY KEY (id),
  CONSTRAINT uq_example_class_id_item_id UNIQUE (class_id, item_id),
  CONSTRAINT ck_example_picture CHECK ((item_id is null) = (pixels is not null)),
  CONSTRAINT fk_example_project_id FOREIGN KEY(project_id) REFERENCES project (id),
  CONSTRAINT fk_example_class_id FOREIGN KEY(class_id) REFERENCES project_class (id),
  CONSTRAINT fk_example_item_id FOREIGN KEY(item_id) REFERENCES item (id),
  CONSTRAINT fk_example_annotator_id FOREIGN KEY(annotator_id) REFERENCES annotator (id)
);
CREATE INDEX ix_example_project ON example (project_id, id);
CREATE TABLE staged_label (
  import_id BIGINT NOT NULL,
  item_id BIGINT NOT NULL,
  place BIGINT NOT NULL,
  kept BOOLEAN DEFAULT '0' NOT NULL,
  CONSTRAINT pk_staged_label PRIMARY KEY (import_id, item_id),
  CONSTRAINT fk_staged_label_import_id FOREIGN KEY(import_id) REFERENCES label_import (id),
  CONSTRAINT fk_staged_label_item_id FOREIGN KEY(item_id) REFERENCES item (id)
);
CREATE INDEX ix_staged_label_waiting ON staged_label (import_id, item_id) WHERE NOT kept;
CREATE TABLE queue_item (
  project_id BIGINT NOT NULL,
  ranking BIGINT NOT NULL,
  rank BIGINT NOT NULL,
  item_id BIGINT NOT NULL,
  score FLOAT,
  reason VARCHAR COLLATE "C" NOT NULL,
  origin VARCHAR COLLATE "C" NOT NULL,
  suggestion JSON,
  CONSTRAINT pk_queue_item PRIMARY KEY (project_id, ranking, rank),
  CONSTRAINT uq_queue_item_project_id_ranking_item_id UNIQUE (project_id, ranking, item_id),
  CONSTRAINT fk_queue_item_project_id FOREIGN KEY(project_id) REFERENCES project (id),
  CONSTRAINT fk_queue_item_item_id FOREIGN KEY(item_id) REFERENCES item (id)
);
CREATE TABLE lease (
  token VARCHAR COLLATE "C" NOT NULL,
  item_id BIGINT NOT NULL,
  project_id BIGINT NOT NULL,
  annotator_id BIGINT NOT NULL,
  client VARCHAR COLLATE "C" NOT NULL,
  leased_at FLOAT DEFAULT '0' NOT NULL,
  expires_at FLOAT NOT NULL,
  origin VARCHAR COLLATE "C" NOT NULL,
  round_id BIGINT,
  head_labels BIGINT,
  CONSTRAINT pk_lease PRIMARY KEY (token),
  CONSTRAINT uq_lease_item_id_annotator_id UNIQUE (item_id, annotator_id),
  CONSTRAINT fk_lease_item_id FOREIGN KEY(item_id) REFERENCES item (id),
  CONSTRAINT fk_lease_project_id FOREIGN KEY(project_id) REFERENCES project (id),
  CONSTRAINT fk_lease_annotator_id FOREIGN KEY(annotator_id) REFERENCES annotator (id),
  CONSTRAINT fk_lease_round_id FOREIGN KEY(round_id) REFERENCES round (id)
);
CREATE INDEX ix_lease_project ON lease (project_id, expires_at);
CREATE TABLE metadata_value (
  column_id BIGINT NOT NULL,
  item_id BIGINT NOT NULL,
  value FLOAT NOT NULL,
  CONSTRAINT pk_metadata_value PRIMARY KEY (column_id, item_id),
  CONSTRAINT fk_metadata_value_column_id FOREIGN KEY(column_id) REFERENCES metadata_column (id),
  CONSTRAINT fk_metadata_value_item_id FOREIGN KEY(item_id) REFERENCES item (id)
);
CREATE INDEX ix_metadata_value_value ON metadata_value (column_id, value);
CREATE TABLE model_label (
  completion_id BIGINT NOT NULL,
  item_id BIGINT NOT NULL,
  project_id BIGINT NOT NULL,
  class_id BIGINT NOT NULL,
  probability FLOAT,
  draw BIGINT,
  CONSTRAINT pk_model_label PRIMARY KEY (completion_id, item_id),
  CONSTRAINT fk_model_label_completion_id FOREIGN KEY(completion_id) REFERENCES completion (id),
  CONSTRAINT fk_model_label_item_id FOREIGN KEY(item_id) REFERENCES item (id),
  CONSTRAINT fk_model_label_project_id FOREIGN KEY(project_id) REFERENCES project (id),
  CONSTRAINT fk_model_label_class_id FOREIGN KEY(class_id) REFERENCES project_class (id)
);
CREATE INDEX ix_model_label_check ON model_label (project_id, completion_id, draw) WHERE draw IS NOT NULL;
CREATE INDEX ix_model_label_project ON model_label (project_id, item_id);
CREATE TABLE guess_answer (
  guess_id BIGINT NOT NULL,
  annotator_id BIGINT NOT NULL,
  project_id BIGINT NOT NULL,
  class_place BIGINT NOT NULL,
  created_at FLOAT NOT NULL,
  CONSTRAINT pk_guess_answer PRIMARY KEY (guess_id, annotator_id),
  CONSTRAINT fk_guess_answer_guess_id FOREIGN KEY(guess_id) REFERENCES guess (id),
  CONSTRAINT fk_guess_answer_annotator_id FOREIGN KEY(annotator_id) REFERENCES annotator (id),
  CONSTRAINT fk_guess_answer_project_id FOREIGN KEY(project_id) REFERENCES project (id)
);
CREATE INDEX ix_guess_answer_project ON guess_answer (project_id);
CREATE TABLE answer (
  item_id BIGINT NOT NULL,
  project_id BIGINT NOT NULL,
  event_id BIGINT NOT NULL,
  class_id BIGINT,
  split VARCHAR COLLATE "C" NOT NULL,
  final BOOLEAN DEFAULT '0' NOT NULL,
  votes BIGINT DEFAULT '1' NOT NULL,
  CONSTRAINT pk_answer PRIMARY KEY (item_id),
  CONSTRAINT fk_answer_item_id FOREIGN KEY(item_id) REFERENCES item (id),
  CONSTRAINT fk_answer_project_id FOREIGN KEY(project_id) REFERENCES project (id),
  CONSTRAINT fk_answer_event_id FOREIGN KEY(event_id) REFERENCES label_event (id),
  CONSTRAINT fk_answer_class_id FOREIGN KEY(class_id) REFERENCES project_class (id)
);
CREATE INDEX ix_answer_several ON answer (project_id, item_id) WHERE votes > 1;
CREATE INDEX ix_answer_event ON answer (project_id, event_id);
CREATE INDEX ix_answer_class ON answer (project_id, split, class_id, event_id);
CREATE TABLE vote (
  item_id BIGINT NOT NULL,
  annotator_id BIGINT NOT NULL,
  project_id BIGINT NOT NULL,
  event_id BIGINT NOT NULL,
  class_id BIGINT,
  CONSTRAINT pk_vote PRIMARY KEY (item_id, annotator_id),
  CONSTRAINT fk_vote_item_id FOREIGN KEY(item_id) REFERENCES item (id),
  CONSTRAINT fk_vote_annotator_id FOREIGN KEY(annotator_id) REFERENCES annotator (id),
  CONSTRAINT fk_vote_project_id FOREIGN KEY(project_id) REFERENCES project (id),
  CONSTRAINT fk_vote_event_id FOREIGN KEY(event_id) REFERENCES label_event (id),
  CONSTRAINT fk_vote_class_id FOREIGN KEY(class_id) REFERENCES project_class (id)
);
CREATE INDEX ix_vote_annotator ON vote (project_id, annotator_id);
CREATE INDEX ix_vote_class ON vote (project_id, item_id, class_id, event_id);
CREATE TABLE label_check (
  item_id BIGINT NOT NULL,
  project_id BIGINT NOT NULL,
  event_id BIGINT NOT NULL,
  class_id BIGINT NOT NULL,
  p FLOAT NOT NULL,
  p_label FLOAT NOT NULL,
  error_score FLOAT NOT NULL,
  flagged BOOLEAN NOT NULL,
  created_at FLOAT NOT NULL,
  CONSTRAINT pk_label_check PRIMARY KEY (item_id),
  CONSTRAINT fk_label_check_item_id FOREIGN KEY(item_id) REFERENCES item (id),
  CONSTRAINT fk_label_check_project_id FOREIGN KEY(project_id) REFERENCES project (id),
  CONSTRAINT fk_label_check_event_id FOREIGN KEY(event_id) REFERENCES label_event (id),
  CONSTRAINT fk_label_check_class_id FOREIGN KEY(class_id) REFERENCES project_class (id)
);
CREATE INDEX ix_label_check_error_score ON label_check (project_id, error_score) WHERE flagged;
CREATE INDEX ix_label_check_project ON label_check (project_id, created_at);
CREATE INDEX ix_example_refers_item_id ON example (item_id);
CREATE INDEX ix_metadata_value_refers_item_id ON metadata_value (item_id);
CREATE INDEX ix_model_label_refers_item_id ON model_label (item_id);
CREATE INDEX ix_queue_item_refers_item_id ON queue_item (item_id);
CREATE INDEX ix_staged_label_refers_item_id ON staged_label (item_id);
CREATE INDEX ix_answer_refers_event_id ON answer (event_id);
CREATE INDEX ix_label_check_refers_event_id ON label_check (event_id);
CREATE INDEX ix_vote_refers_event_id ON vote (event_id);
CREATE VIEW class_today AS
    SELECT id, project_id, CASE WHEN gone_at IS NULL THEN id ELSE merged_into END AS class_id
    FROM project_class;
CREATE VIEW current_answer AS
    SELECT e.* FROM answer a JOIN label_event e ON e.id = a.event_id;
CREATE VIEW current_label AS
    SELECT e.* FROM answer a JOIN label_event e ON e.id = a.event_id
    WHERE a.class_id IS NOT NULL;
CREATE VIEW verdict AS
    SELECT project_id, item_id, event_id, class_id, final FROM (
      SELECT project_id, item_id, event_id, class_id, final, row_number() OVER (
        PARTITION BY project_id, item_id ORDER BY final DESC, votes DESC, event_id DESC) AS place
      FROM (
        SELECT e.project_id, e.item_id, e.id AS event_id, t.class_id, true AS final, 0 AS votes
        FROM label_event e LEFT JOIN class_today t ON t.id = e.class_id
        WHERE e.origin = 'adjudicated' AND e.kind IN ('label', 'unsure')
          AND (e.class_id IS NULL OR t.class_id IS NOT NULL)
          AND NOT EXISTS (SELECT 1 FROM label_event u WHERE u.undoes = e.id)
          AND NOT EXISTS (
            SELECT 1 FROM label_event l WHERE l.item_id = e.item_id AND l.id > e.id
              AND l.origin = 'adjudicated' AND l.kind IN ('label', 'unsure')
              AND NOT EXISTS (SELECT 1 FROM label_event u WHERE u.undoes = l.id))
        UNION ALL
        SELECT project_id, item_id, max(event_id), class_id, false, count(*) FROM vote
        GROUP BY project_id, item_id, class_id
      ) said
    ) placed WHERE place = 1;
CREATE FUNCTION item_counted() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
  INSERT INTO item_count (project_id, split, total) VALUES (new.project_id, new.split, 1)
  ON CONFLICT (project_id, split) DO UPDATE SET total = item_count.total + 1;
 RETURN NULL; END $$;
CREATE TRIGGER item_counted AFTER INSERT ON item FOR EACH ROW  EXECUTE FUNCTION item_counted();
CREATE FUNCTION item_uncounted() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
  UPDATE item_count SET total = total - 1
  WHERE project_id = old.project_id AND split = old.split;
 RETURN NULL; END $$;
CREATE TRIGGER item_uncounted AFTER DELETE ON item FOR EACH ROW  EXECUTE FUNCTION item_uncounted();
CREATE FUNCTION item_moved() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
  UPDATE item_count SET total = total - 1
  WHERE project_id = old.project_id AND split = old.split;

  INSERT INTO item_count (project_id, split, total) VALUES (new.project_id, new.split, 1)
  ON CONFLICT (project_id, split) DO UPDATE SET total = item_count.total + 1;
UPDATE answer SET split = new.split WHERE item_id = new.id; RETURN NULL; END $$;
CREATE TRIGGER item_moved AFTER UPDATE OF split ON item FOR EACH ROW WHEN (old.split != new.split) EXECUTE FUNCTION item_moved();
CREATE FUNCTION answer_counted() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
  INSERT INTO answer_count (project_id, split, class_id, total)
  VALUES (new.project_id, new.split, coalesce(new.class_id, 0), 1)
  ON CONFLICT (project_id, split, class_id) DO UPDATE SET total = answer_count.total + 1;
 RETURN NULL; END $$;
CREATE TRIGGER answer_counted AFTER INSERT ON answer FOR EACH ROW  EXECUTE FUNCTION answer_counted();
CREATE FUNCTION answer_uncounted() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
  UPDATE answer_count SET total = total - 1
  WHERE project_id = old.project_id AND split = old.split
    AND class_id = coalesce(old.class_id, 0);
 RETURN NULL; END $$;
CREATE TRIGGER answer_uncounted AFTER DELETE ON answer FOR EACH ROW  EXECUTE FUNCTION answer_uncounted();
CREATE FUNCTION answer_changed() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
  UPDATE answer_count SET total = total - 1
  WHERE project_id = old.project_id AND split = old.split
    AND class_id = coalesce(old.class_id, 0);

  INSERT INTO answer_count (project_id, split, class_id, total)
  VALUES (new.project_id, new.split, coalesce(new.class_id, 0), 1)
  ON CONFLICT (project_id, split, class_id) DO UPDATE SET total = answer_count.total + 1;
 RETURN NULL; END $$;
CREATE TRIGGER answer_changed AFTER UPDATE OF class_id, split ON answer FOR EACH ROW WHEN (old.class_id IS DISTINCT FROM new.class_id OR old.split != new.split) EXECUTE FUNCTION answer_changed();
CREATE FUNCTION label_event_answers() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
  DELETE FROM vote WHERE item_id = new.item_id AND annotator_id = new.annotator_id;
  INSERT INTO vote (item_id, annotator_id, project_id, event_id, class_id)
  SELECT s.item_id, s.annotator_id, s.project_id, s.id, t.class_id FROM (
    SELECT e.item_id, e.annotator_id, e.project_id, e.id, e.class_id FROM label_event e
    WHERE e.item_id = new.item_id AND e.annotator_id = new.annotator_id
      AND e.kind IN ('label', 'import', 'unsure') AND e.origin != 'adjudicated'
      AND NOT EXISTS (SELECT 1 FROM label_event u WHERE u.undoes = e.id)
    ORDER BY e.id DESC LIMIT 1
  ) s LEFT JOIN class_today t ON t.id = s.class_id
  WHERE s.class_id IS NULL OR t.class_id IS NOT NULL;
  DELETE FROM answer WHERE item_id = new.item_id;
  INSERT INTO answer (item_id, project_id, event_id, class_id, split, final, votes)
  SELECT i.id, i.project_id, v.event_id, v.class_id, i.split, v.final,
    (SELECT count(*) FROM vote WHERE vote.item_id = i.id)
  FROM verdict v JOIN item i ON i.id = v.item_id
  WHERE v.item_id = new.item_id AND v.project_id = new.project_id;
 RETURN NULL; END $$;
CREATE TRIGGER label_event_answers AFTER INSERT ON label_event FOR EACH ROW WHEN (new.kind != 'skip') EXECUTE FUNCTION label_event_answers();
CREATE FUNCTION label_event_counted() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
  INSERT INTO work (project_id, annotator_id, labels, skipped, unsure, undone, last_at)
  VALUES (new.project_id, new.annotator_id, (new.kind = 'label')::int, (new.kind = 'skip')::int,
    (new.kind = 'unsure')::int, 0, new.created_at)
  ON CONFLICT (project_id, annotator_id) DO UPDATE SET labels = work.labels + excluded.labels,
    skipped = work.skipped + excluded.skipped, unsure = work.unsure + excluded.unsure,
    last_at = greatest(work.last_at, excluded.last_at);
  IF new.kind = 'label' THEN
    INSERT INTO work_time (project_id, quarter, annotator_id, labels)
    VALUES (new.project_id, floor(new.created_at / 900), new.annotator_id, 1)
    ON CONFLICT (project_id, quarter, annotator_id) DO UPDATE SET labels = work_time.labels + 1;
  END IF;
 RETURN NULL; END $$;
CREATE TRIGGER label_event_counted AFTER INSERT ON label_event FOR EACH ROW WHEN (new.kind IN ('label', 'skip', 'unsure')) EXECUTE FUNCTION label_event_counted();
CREATE FUNCTION label_event_uncounted() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
  UPDATE work SET labels = labels - (e.kind = 'label')::int,
    skipped = skipped - (e.kind = 'skip')::int, unsure = unsure - (e.kind = 'unsure')::int,
    undone = undone + 1
  FROM label_event e WHERE e.id = new.undoes AND e.kind IN ('label', 'skip', 'unsure')
    AND work.project_id = e.project_id AND work.annotator_id = e.annotator_id;
  UPDATE work_time SET labels = work_time.labels - 1
  FROM label_event e WHERE e.id = new.undoes AND e.kind = 'label'
    AND work_time.project_id = e.project_id AND work_time.annotator_id = e.annotator_id
    AND work_time.quarter = floor(e.created_at / 900);
 RETURN NULL; END $$;
CREATE TRIGGER label_event_uncounted AFTER INSERT ON label_event FOR EACH ROW WHEN (new.kind = 'undo') EXECUTE FUNCTION label_event_uncounted();
CREATE FUNCTION label_event_kept() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
  IF TG_OP = 'UPDATE'
    OR (SELECT deleted_at FROM project WHERE id = old.project_id) IS NULL THEN RAISE integrity_constraint_violation USING MESSAGE = TG_TABLE_NAME || ' is append-only';
  END IF;
  RETURN old;
 RETURN NULL; END $$;
CREATE TRIGGER label_event_kept BEFORE UPDATE OR DELETE ON label_event FOR EACH ROW  EXECUTE FUNCTION label_event_kept();
CREATE FUNCTION class_event_kept() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
  IF TG_OP = 'UPDATE'
    OR (SELECT deleted_at FROM project WHERE id = old.project_id) IS NULL THEN RAISE integrity_constraint_violation USING MESSAGE = TG_TABLE_NAME || ' is append-only';
  END IF;
  RETURN old;
 RETURN NULL; END $$;
CREATE TRIGGER class_event_kept BEFORE UPDATE OR DELETE ON class_event FOR EACH ROW  EXECUTE FUNCTION class_event_kept();
CREATE FUNCTION audit_event_kept() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE integrity_constraint_violation USING MESSAGE = TG_TABLE_NAME || ' is append-only'; RETURN NULL; END $$;
CREATE TRIGGER audit_event_kept BEFORE UPDATE OR DELETE ON audit_event FOR EACH ROW  EXECUTE FUNCTION audit_event_kept();
CREATE TABLE alembic_version (version_num VARCHAR(32) PRIMARY KEY);
INSERT INTO alembic_version (version_num) VALUES ('0026');
