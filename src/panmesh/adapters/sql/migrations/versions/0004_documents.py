"""Documents as federations list them, what other catalogues bring with them, and the words of file lists."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "affiliation",
        sa.Column("id", BIG, autoincrement=True, nullable=False),
        sa.Column("affiliation_key", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=True),
        sa.Column("address", sa.Text(), nullable=True),
        sa.Column("city", sa.Text(), nullable=True),
        sa.Column("country", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_affiliation")),
        sa.UniqueConstraint("affiliation_key", name=op.f("uq_affiliation_affiliation_key")),
    )
    op.create_table(
        "person",
        sa.Column("id", BIG, autoincrement=True, nullable=False),
        sa.Column("person_key", sa.Text(), nullable=False),
        sa.Column("full_name", sa.Text(), nullable=False),
        sa.Column("first_name", sa.Text(), nullable=True),
        sa.Column("last_name", sa.Text(), nullable=True),
        sa.Column("orcid", sa.Text(), nullable=True),
        sa.Column("researcher_id", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_person")),
        sa.UniqueConstraint("person_key", name=op.f("uq_person_person_key")),
    )
    op.create_table(
        "technique",
        sa.Column("id", BIG, autoincrement=True, nullable=False),
        sa.Column("pid", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("panet_pid", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_technique")),
        sa.UniqueConstraint("pid", name=op.f("uq_technique_pid")),
    )
    op.create_index(op.f("ix_technique_panet_pid"), "technique", ["panet_pid"], unique=False)
    op.create_table(
        "document",
        sa.Column("id", BIG, autoincrement=True, nullable=False),
        sa.Column("pid", sa.Text(), nullable=False),
        sa.Column("facility_id", BIG, nullable=False),
        sa.Column("investigation_id", BIG, nullable=True),
        sa.Column("terms_id", BIG, nullable=False),
        sa.Column("origin", sa.Text(), nullable=False),
        sa.Column("type", sa.Text(), nullable=False),
        sa.Column("title", sa.Text(), nullable=True),
        sa.Column("title_folded", sa.Text(), nullable=True),
        sa.Column("summary", sa.Text(), nullable=True),
        sa.Column("summary_folded", sa.Text(), nullable=True),
        sa.Column("doi", sa.Text(), nullable=True),
        sa.Column("starts_us", sa.BigInteger(), nullable=True),
        sa.Column("ends_us", sa.BigInteger(), nullable=True),
        sa.Column("release_us", sa.BigInteger(), nullable=True),
        sa.Column("license", sa.Text(), nullable=True),
        sa.Column("keywords_json", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["facility_id"], ["facility.id"], name=op.f("fk_document_facility_id")),
        sa.ForeignKeyConstraint(["investigation_id"], ["investigation.id"], name=op.f("fk_document_investigation_id")),
        sa.ForeignKeyConstraint(["terms_id"], ["terms.id"], name=op.f("fk_document_terms_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_document")),
        sa.UniqueConstraint("pid", name=op.f("uq_document_pid")),
    )
    op.create_index(op.f("ix_document_investigation_id"), "document", ["investigation_id"], unique=True)
    op.create_index(op.f("ix_document_terms_id"), "document", ["terms_id"], unique=False)
    op.create_table(
        "dataset_sample",
        sa.Column("dataset_id", BIG, nullable=False),
        sa.Column("sample_id", BIG, nullable=False),
        sa.ForeignKeyConstraint(["dataset_id"], ["dataset.id"], name=op.f("fk_dataset_sample_dataset_id")),
        sa.ForeignKeyConstraint(["sample_id"], ["sample.id"], name=op.f("fk_dataset_sample_sample_id")),
        sa.PrimaryKeyConstraint("dataset_id", "sample_id", name=op.f("pk_dataset_sample")),
    )
    op.create_index(op.f("ix_dataset_sample_sample_id"), "dataset_sample", ["sample_id"], unique=False)
    op.create_table(
        "document_dataset",
        sa.Column("document_id", BIG, nullable=False),
        sa.Column("dataset_id", BIG, nullable=False),
        sa.ForeignKeyConstraint(["dataset_id"], ["dataset.id"], name=op.f("fk_document_dataset_dataset_id")),
        sa.ForeignKeyConstraint(["document_id"], ["document.id"], name=op.f("fk_document_dataset_document_id")),
        sa.PrimaryKeyConstraint("document_id", "dataset_id", name=op.f("pk_document_dataset")),
    )
    op.create_index(op.f("ix_document_dataset_dataset_id"), "document_dataset", ["dataset_id"], unique=False)
    op.create_table(
        "document_parameter",
        sa.Column("id", BIG, autoincrement=True, nullable=False),
        sa.Column("document_id", BIG, nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("label", sa.Text(), nullable=False),
        sa.Column("unit", sa.Text(), nullable=True),
        sa.Column("value", sa.Float(precision=53), nullable=True),
        sa.Column("minimum", sa.Float(precision=53), nullable=True),
        sa.Column("maximum", sa.Float(precision=53), nullable=True),
        sa.Column("text", sa.Text(), nullable=True),
        sa.Column("dimension", sa.Text(), nullable=True),
        sa.Column("low", sa.Float(precision=53), nullable=True),
        sa.Column("high", sa.Float(precision=53), nullable=True),
        sa.ForeignKeyConstraint(["document_id"], ["document.id"], name=op.f("fk_document_parameter_document_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_document_parameter")),
    )
    op.create_index(op.f("ix_document_parameter_document_id"), "document_parameter", ["document_id"], unique=False)
    op.create_table(
        "file_names",
        sa.Column("dataset_id", BIG, autoincrement=False, nullable=False),
        sa.Column("names", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(["dataset_id"], ["dataset.id"], name=op.f("fk_file_names_dataset_id")),
        sa.PrimaryKeyConstraint("dataset_id", name=op.f("pk_file_names")),
    )
    op.create_table(
        "member",
        sa.Column("id", BIG, autoincrement=True, nullable=False),
        sa.Column("document_id", BIG, nullable=False),
        sa.Column("person_id", BIG, nullable=True),
        sa.Column("affiliation_id", BIG, nullable=True),
        sa.Column("role", sa.Text(), nullable=True),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["affiliation_id"], ["affiliation.id"], name=op.f("fk_member_affiliation_id")),
        sa.ForeignKeyConstraint(["document_id"], ["document.id"], name=op.f("fk_member_document_id")),
        sa.ForeignKeyConstraint(["person_id"], ["person.id"], name=op.f("fk_member_person_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_member")),
    )
    op.create_index(op.f("ix_member_affiliation_id"), "member", ["affiliation_id"], unique=False)
    op.create_index(op.f("ix_member_document_id"), "member", ["document_id"], unique=False)
    op.create_index(op.f("ix_member_person_id"), "member", ["person_id"], unique=False)

    op.execute(
        "INSERT INTO document (pid, facility_id, investigation_id, terms_id, origin, type, title, title_folded, starts_us, ends_us, keywords_json) "
        "SELECT pid, facility_id, id, terms_id, 'native', 'proposal', title, lower(title), starts_us, ends_us, '[]' FROM investigation "
        "WHERE natural_key NOT LIKE '%|quarantine'"
    )
    op.execute("INSERT INTO file_names (dataset_id, names) SELECT id, NULL FROM dataset")  # null: ask the manifest


def downgrade() -> None:
    for table in (
        "member", "affiliation", "person", "document_parameter", "document_dataset", "document", "technique", "dataset_sample", "file_names",
    ):  # fmt: skip
        op.drop_table(table)
