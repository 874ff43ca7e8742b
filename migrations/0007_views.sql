-- For people who query by hand: amounts with their decimal point are a matter of the currency's digits, so minor units stay beside the code.
CREATE VIEW budget_figures AS
SELECT
    b.id, r.name AS region, b.name AS budget, b.currency, b.status, b.allocated, b.adjusted, b.carried_over, b.reserved, b.spent,
    b.allocated + b.adjusted + b.carried_over - b.reserved - b.spent AS available
FROM budget b
JOIN region r ON r.id = b.region_id;
